//! Why an audit could not be made.

use std::path::PathBuf;

use super::acknowledge::AcknowledgeError;
use crate::log::LogError;
use crate::ops::trust::TrustFileError;
use crate::sys::fs::IoError;
use crate::tlog::NoteError;

/// Why something outside of the log could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum Outside {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// An entry could not be read again.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why an audit could not be made. What is wrong with a log is in the report.
#[derive(Debug, thiserror::Error)]
pub enum AuditFailure {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// There is no log, or it cannot be read.
    #[error("{log}: {source}")]
    Log {
        /// Which log.
        log: String,
        /// Why.
        source: LogError,
    },
    /// The trust root cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustFileError),
    /// Acknowledgements that cannot be read.
    #[error(transparent)]
    Acknowledgements(#[from] AcknowledgeError),
    /// A file that is no checkpoint.
    #[error("{}: {source}", path.display())]
    Since {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: NoteError,
    },
    /// A log with more entries than rows can be numbered.
    #[error("the log has {0} entries, more than the 2^32 - 1 that an audit can hold")]
    TooLarge(u64),
}
