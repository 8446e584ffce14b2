//! The rules that a notice keeps.

use crate::baseline::NameError;
use crate::json::JsonError;
use crate::key::{KeyError, Role, ThresholdError};
use crate::limits;
use crate::path::Escaped;

/// Why there is no notice to heed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Not the JSON that a notice is.
    #[error("notice: {0}")]
    Json(#[from] JsonError),
    /// The payload is something else.
    #[error("the payload type is \"{}\", not that of a notice", Escaped(.0.as_bytes()))]
    PayloadType(String),
    /// A later format, or none.
    #[error("\"{}\" is no format of notices that this karat knows", Escaped(.0.as_bytes()))]
    Spec(String),
    /// The payload is not in its one spelling.
    #[error("the notice is not canonical JSON")]
    NotCanonical,
    /// It says nothing, or two things.
    #[error("a notice either revokes or retires")]
    NotOne,
    /// The key is not base64 of a SubjectPublicKeyInfo.
    #[error("notice: the key is not base64")]
    KeyBase64,
    /// The key is none that karat takes.
    #[error("notice: {0}")]
    Key(#[from] KeyError),
    /// No image has such a name.
    #[error("notice: {0}")]
    Image(#[from] NameError),
    /// Serials that are none, or that end before they begin.
    #[error("notice: {from} to {through} are no serials")]
    Serials {
        /// The first.
        from: u64,
        /// The last.
        through: u64,
    },
    /// No reason, or one that cannot be shown.
    #[error(
        "notice: a reason has 1 to {} bytes and no control characters",
        limits::REASON_MAX
    )]
    Reason,
    /// The trust root names no log, so that no index means anything.
    #[error("the trust root names no log that a notice could be for")]
    NoLog,
    /// Said to another log.
    #[error("the notice is for the log \"{}\", the trust root names \"{}\"", Escaped(found.as_bytes()), Escaped(expected.as_bytes()))]
    OtherLog {
        /// The log of the trust root.
        expected: String,
        /// The log of the notice.
        found: String,
    },
    /// It revokes from an entry on that comes after itself.
    #[error("entry {index} cannot revoke a key from entry {from} on, which comes later")]
    Later {
        /// The place of the notice.
        index: u64,
        /// What it says.
        from: u64,
    },
    /// Too few of the keys in charge signed.
    #[error("notice, signed by the keys of the role {role}: {source}")]
    Threshold {
        /// Whose word it had to be.
        role: Role,
        /// What the count found.
        source: ThresholdError,
    },
}
