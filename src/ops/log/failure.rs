//! Why something about a log failed.

use std::path::{Path, PathBuf};

use super::Forbidden;
use crate::archive::CacheError;
use crate::baseline::StatementError;
use crate::envelope::EnvelopeError;
use crate::key::{SignerError, TrustError};
use crate::log::{ForkError, LogError, NoticeError};
use crate::ops::ledger::LedgerError;
use crate::path::Escaped;
use crate::sys::fs::IoError;
use crate::tlog::{EntryError, NameError, PolicyParseError, PolicyRefusal, UntrustedCheckpoint};

/// Why a log could not be made, added to or read.
#[derive(Debug, thiserror::Error)]
pub enum LogFailure {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The log says no.
    #[error("{}: {source}", directory.display())]
    Log {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: LogError,
    },
    /// The record of serials says no.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An origin that no log can have.
    #[error("the origin {0}")]
    Origin(#[from] NameError),
    /// A file that is no envelope.
    #[error("{}: {source}", file.display())]
    Envelope {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// An envelope that holds no statement.
    #[error("{}: {source}", file.display())]
    Statement {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: StatementError,
    },
    /// An envelope that holds no trust root that its own keys signed.
    #[error("{}: {source}", file.display())]
    Trust {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// An envelope that holds no notice, or one that nobody in charge signed.
    #[error("{}: {source}", file.display())]
    Notice {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: NoticeError,
    },
    /// A notice of the log forbids it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The holder of a key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The workspace's log is not the one of its trust root.
    #[error("{}: it is another log than the trust root names", .0.display())]
    OtherLog(PathBuf),
    /// An envelope of something that is not logged.
    #[error("{}: the payload type \"{}\" is that of no statement, trust root or notice", file.display(), Escaped(payload_type.as_bytes()))]
    Other {
        /// Which file.
        file: PathBuf,
        /// What it holds.
        payload_type: String,
    },
    /// An envelope that makes no entry.
    #[error("{}: {source}", file.display())]
    Entry {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: EntryError,
    },
    /// This karat reaches no buckets.
    #[error("{0}: this karat was built without S3")]
    NoBuckets(String),
    /// A log on a web server, which is read only.
    #[error("{0}: a log on a web server can only be read")]
    ReadOnly(String),
    /// A log that is not its operator's own: the keys that it names itself say nothing.
    #[error("{0}: whose log a web server shows, only a trust root says")]
    NeedsTrust(String),
    /// The log has no such entry.
    #[error("{}: it is not in the log", .0.display())]
    NotLogged(PathBuf),
    /// A policy does not believe the log's checkpoint.
    #[error("{}: {source}", directory.display())]
    Refused {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: PolicyRefusal,
    },
    /// A file that proves no fork.
    #[error("{}: {source}", file.display())]
    Fork {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: ForkError,
    },
    /// What a monitor is said to remember is of no use.
    #[error("{}: {why}", file.display())]
    Memory {
        /// Which file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A file that is no tlog-policy.
    #[error("{}: {source}", file.display())]
    Policy {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: PolicyParseError,
    },
    /// A witness was told of one log twice.
    #[error("two of the trust roots and policies name the log \"{}\"", Escaped(.0.as_bytes()))]
    SameLog(String),
    /// A witness was told of no log.
    #[error("none of the trust roots and policies names a log whose signatures can be checked")]
    NoLogs,
    /// Another witness has the directory.
    #[error("{}: a witness serves from this directory already", .0.display())]
    Served(PathBuf),
    /// The trust root does not believe the log's checkpoint.
    #[error("{}: {source}", directory.display())]
    Untrusted {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: UntrustedCheckpoint,
    },
}

/// Ties what a log says to its place.
pub(super) fn at(directory: &Path) -> impl FnOnce(LogError) -> LogFailure {
    let directory = directory.to_owned();
    move |source| LogFailure::Log { directory, source }
}
