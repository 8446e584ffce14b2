//! What is wrong with an index.

use crate::deb::control::ControlError;
use crate::deb::{NameError, RelationError, VersionError};
use crate::digest::DigestError;
use crate::limits;

/// A `Packages` index that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{index}, line {line}: stanza of {package:?}: {rule}")]
pub struct IndexError {
    /// The name of the source.
    pub index: String,
    /// The line at which the stanza starts, from 1.
    pub line: usize,
    /// The package, empty if the stanza does not name it.
    pub package: String,
    /// The broken rule.
    #[source]
    pub rule: StanzaRule,
}

/// The rules for a stanza of a `Packages` index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StanzaRule {
    /// Not a stanza of fields.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A field that must be there is not.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A bad name or architecture.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A bad version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A path that is absolute, empty, too long, or has empty parts, `.`, `..` or control characters.
    #[error("Filename {0:?} is not a plain relative path")]
    Filename(String),
    /// Not a number of bytes, or more than [`limits::DEB_MAX`].
    #[error("Size {0:?} is not a number of bytes from 1 to {max}", max = limits::DEB_MAX)]
    Size(String),
    /// Not a number.
    #[error("Installed-Size {0:?} is not a number")]
    InstalledSize(String),
    /// Not a digest.
    #[error("SHA256: {0}")]
    Digest(#[from] DigestError),
    /// Not `yes` or `no`.
    #[error("{0} is neither yes nor no")]
    Flag(&'static str),
    /// Not a known value.
    #[error("Multi-Arch {0:?} is not no, same, foreign or allowed")]
    MultiArch(String),
    /// A bad relation in `Provides`.
    #[error("Provides: {0}")]
    Provides(RelationError),
    /// `Provides` with alternatives, or with a constraint other than `=`.
    #[error("Provides: {0:?} is not a name, or a name and '(= version)'")]
    ProvidesForm(String),
    /// The index is larger than [`limits::PACKAGES_INDEX_MAX`], or there are 65,535 of them.
    #[error("the index is too large, or there are too many indexes")]
    IndexTooLarge,
    /// More stanzas than [`limits::INDEX_RECORDS_MAX`].
    #[error("there are more than {max} stanzas", max = limits::INDEX_RECORDS_MAX)]
    TooMany,
}
