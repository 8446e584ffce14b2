//! Why there is no lock, or not all of its packages.

use std::path::PathBuf;

use crate::archive::mirror::MirrorError;
use crate::archive::{ObtainError, RepositoryError};
use crate::deb::resolve::{PinError, WantedError};
use crate::deb::{NameError, PackageName, ResolveError, VersionError};
use crate::lock::{LockError, Stale};
use crate::sys::fs::IoError;

/// Why there is no lock, or not all of its packages.
#[derive(Debug, thiserror::Error)]
pub enum LockFailure {
    /// There is no lock file.
    #[error("there is no lock file {}", .0.display())]
    Missing(PathBuf),
    /// The lock file cannot be used.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// The lock file was made for another template.
    #[error("{}: {source}", path.display())]
    Stale {
        /// The lock file.
        path: PathBuf,
        /// What differs.
        source: Stale,
    },
    /// The lock file was made for another agent.
    #[error("{}: the lock file is stale: the agent that goes into the image changed", .0.display())]
    Agent(PathBuf),
    /// What was resolved cannot stand in a lock.
    #[error("the archive's index cannot be locked: {0}")]
    Unlockable(LockError),
    /// It is not known where packages come from.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// A suite cannot be used.
    #[error(transparent)]
    Repository(Box<RepositoryError>),
    /// The packages cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A package cannot be had.
    #[error(transparent)]
    Obtain(#[from] ObtainError),
    /// A package that the template asks for has an impossible name or version.
    #[error("{0}")]
    Wanted(#[from] WantedError),
    /// A pin of the template is malformed.
    #[error("a pin of the template: {0}")]
    Pin(#[from] PinError),
    /// A name is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A version is malformed.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A package would be another one, or none, in an image that boots.
    #[error(
        "the packages of an image that boots do not include {0} of one that does not: \
         name in `packages` what both are to have"
    )]
    Kernel(PackageName),
    /// A package to update is not in the lock.
    #[error("the lock has no package {0}")]
    NotLocked(PackageName),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}
