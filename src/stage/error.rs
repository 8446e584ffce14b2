//! Why packages did not become a configured tree.

use serde::{Deserialize, Serialize};

use crate::deb::archive::DebError;
use crate::sys::fs::IoError;
use crate::sys::sandbox::SandboxError;

/// The rule that was broken on the way from packages to a tree, with its place.
///
/// It travels from the worker to the process that started it, so answers of the system are text
/// here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StageError {
    /// Two packages have one path, and neither replaces the other.
    #[error(
        "{path}: package '{second}' would overwrite a file of package '{first}', which it does not replace"
    )]
    Conflict {
        /// The path.
        path: String,
        /// The package whose file it is.
        first: String,
        /// The package that has it too.
        second: String,
    },
    /// A `.deb` file breaks a rule of its format, or is not the locked one.
    #[error("package '{package}': {error}")]
    Deb {
        /// Which package.
        package: String,
        /// The rule.
        error: DebError,
    },
    /// The directory for staging cannot hold a root.
    #[error("{directory} cannot be used for staging: {fault}")]
    Directory {
        /// `TMPDIR`, or what was chosen.
        directory: String,
        /// What is wrong with it.
        fault: DirectoryFault,
    },
    /// A file system that is written to has no room left.
    #[error("{0}")]
    Full(String),
    /// The packages ended up in a state that dpkg does not call configured.
    #[error("after configuring, these packages are not installed: {0}")]
    NotConfigured(String),
    /// The set of packages cannot be configured: one is there twice, say.
    #[error("{0}")]
    Packages(String),
    /// A path in a package cannot be put where it belongs.
    #[error("{path}: package '{package}' cannot be unpacked there: {message}")]
    Place {
        /// Which package.
        package: String,
        /// The path.
        path: String,
        /// Why not.
        message: String,
    },
    /// A field of relations, needed to judge a conflict, cannot be read.
    #[error(
        "package '{package}': its {field} field is malformed: {message}; dpkg would not unpack it either"
    )]
    Relation {
        /// Which package.
        package: String,
        /// Which field.
        field: String,
        /// Why.
        message: String,
    },
    /// The sandbox cannot be made here.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A maintainer script, or dpkg itself, failed.
    #[error("{what} failed with {status}\n{output}")]
    Script {
        /// Which program: `the postinst script of package 'x'`.
        what: String,
        /// How it ended.
        status: String,
        /// The end of its output.
        output: String,
    },
    /// Neither memory nor disk has room for the root.
    #[error(
        "unpacking needs about {needed} bytes; memory has {memory}, {directory} has {disk} bytes to spare"
    )]
    Space {
        /// Estimate from the packages' `Installed-Size`.
        needed: u64,
        /// What memory has to spare.
        memory: u64,
        /// The directory that was considered.
        directory: String,
        /// What that has to spare.
        disk: u64,
    },
    /// A file operation failed.
    #[error("{0}")]
    System(String),
    /// A maintainer script ran longer than the limit.
    #[error("{what} ran longer than {seconds} s and was killed\n{output}")]
    TimedOut {
        /// Which program.
        what: String,
        /// The limit.
        seconds: u64,
        /// The end of its output.
        output: String,
    },
}

/// What is wrong with a directory for staging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum DirectoryFault {
    /// It is not there.
    #[error("it does not exist")]
    Missing,
    /// It is no directory.
    #[error("it is no directory")]
    NotADirectory,
    /// Programs cannot be started from it.
    #[error("it is mounted noexec, and scripts of packages could not run there")]
    NoExec,
    /// Nothing can be written to it.
    #[error("it is mounted read-only")]
    ReadOnly,
    /// Somebody else's.
    #[error("{0}")]
    Refused(String),
}

impl StageError {
    /// An answer of the system, with what was tried and where; a full file system is told apart.
    pub(super) fn system(error: impl std::fmt::Display) -> Self {
        let message = error.to_string();
        // Errors reach this place as text, and from other processes. Nothing sets a locale.
        if message.contains("No space left on device") {
            Self::Full(message)
        } else {
            Self::System(message)
        }
    }
}

impl From<IoError> for StageError {
    fn from(error: IoError) -> Self {
        Self::system(error)
    }
}
