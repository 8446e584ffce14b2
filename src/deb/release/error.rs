//! What is wrong with a Release file.

use crate::deb::control::ControlError;
use crate::deb::{Architecture, NameError};
use crate::limits;
use crate::tree::Epoch;

/// Why a Release file is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The text is no control file.
    #[error("the Release file is malformed: {0}")]
    Malformed(#[from] ControlError),
    /// It has more or less than one stanza.
    #[error("a Release file has one stanza, this one has {0}")]
    Stanzas(usize),
    /// A field that must be there is not.
    #[error("the Release file has no field {0}")]
    Missing(&'static str),
    /// A date is not as Debian writes it: `Sat, 15 Nov 2025 10:00:00 UTC`.
    #[error("the Release file's {0} {1:?} is no date in UTC")]
    Date(&'static str, String),
    /// An architecture has no valid name.
    #[error("the Release file names an impossible architecture: {0}")]
    Architecture(#[from] NameError),
    /// A line of the SHA256 section is not `digest size path`, with a path below the suite.
    #[error("the Release file's SHA256 section has the line {0:?}")]
    File(String),
    /// It has the same path twice, with different digests.
    #[error("the Release file lists {0} twice")]
    Twice(String),
    /// It is of another suite than asked for.
    #[error("asked for suite {wanted}, got one that calls itself {suite:?} and {codename:?}")]
    Suite {
        /// What was asked for.
        wanted: String,
        /// Its `Suite`.
        suite: String,
        /// Its `Codename`.
        codename: String,
    },
    /// It lacks a component that was asked for.
    #[error("the suite has no component {wanted}; it has {}", .present.join(", "))]
    Component {
        /// What was asked for.
        wanted: String,
        /// What it has.
        present: Vec<String>,
    },
    /// It has no packages for the architecture.
    #[error("the suite has no packages for {0}")]
    NoArchitecture(Architecture),
    /// It is no longer in force: the mirror is out of date, or somebody keeps it so.
    #[error("the Release file expired at {} (it was made at {})", .valid_until.rfc3339(), .date.rfc3339())]
    Expired {
        /// When it was made.
        date: Epoch,
        /// Until when it was in force.
        valid_until: Epoch,
    },
    /// It claims to come from the future: its clock, or this machine's, is wrong.
    #[error("the Release file claims to be made at {}, which is in the future", .0.rfc3339())]
    FromTheFuture(Epoch),
    /// It is older than the one that was used before: the mirror lags, or somebody rolls it back.
    #[error("the Release file of {} is older than the one of {} that was used before", .date.rfc3339(), .before.rfc3339())]
    RolledBack {
        /// When it was made.
        date: Epoch,
        /// When the one used before was made.
        before: Epoch,
    },
    /// It does not list the index of a component.
    #[error("the Release file lists no Packages index of {component} for {architecture}")]
    NoIndex {
        /// The component.
        component: String,
        /// The architecture.
        architecture: Architecture,
    },
    /// A flat repository's Release does not list the index.
    #[error(
        "the Release file of this flat repository lists no uncompressed Packages, which apt and karat need; compressed ones may be there besides"
    )]
    NoFlatIndex,
    /// An index is larger than any.
    #[error(
        "the index {path} is said to have {size} bytes, more than {}",
        limits::PACKAGES_INDEX_MAX
    )]
    IndexTooLarge {
        /// Its path.
        path: String,
        /// Its size.
        size: u64,
    },
}
