//! What can go wrong with a log.

use crate::key::{KeyId, SignerError};
use crate::path::Escaped;
use crate::sys::fs::IoError;
use crate::tlog::{BundleError, CheckpointError, NoteError, ProofError, VkeyError};

/// Why a log cannot be read, or nothing was added to it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// There is no checkpoint.
    #[error("it is no log: there is no checkpoint")]
    NoLog,
    /// There is a log already.
    #[error("there is a log already, \"{}\" of key {}", Escaped(.0.as_bytes()), .1.short())]
    Exists(String, KeyId),
    /// Something in its directory that no log has.
    #[error("{}: it does not belong into a log's directory", Escaped(.0))]
    Odd(Vec<u8>),
    /// Only a copy of a log's public files, which must not be added to.
    #[error(
        ".state/{0} is not there: this is a copy of a log, or was restored without it, and adding to \
         it could sign a second history"
    )]
    NoState(&'static str),
    /// A file of its own is no signed note.
    #[error("{path}: {source}")]
    Note {
        /// Which file.
        path: String,
        /// Why.
        source: NoteError,
    },
    /// A file of its own is no checkpoint.
    #[error("{path}: {source}")]
    Checkpoint {
        /// Which file.
        path: String,
        /// Why.
        source: CheckpointError,
    },
    /// A checkpoint that the log's key did not sign, or of another log.
    #[error("{0}: the log's own key did not sign it, or it is of another log")]
    NotOurs(String),
    /// The file that names the log's key.
    #[error(".state/vkey: {0}")]
    Vkey(#[from] VkeyError),
    /// Another key than the log's.
    #[error("key {} is not the log's: that is {}", given.short(), wanted.short())]
    OtherKey {
        /// The key that was given.
        given: KeyId,
        /// The log's.
        wanted: KeyId,
    },
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A tile or bundle of the published tree is not there.
    #[error("{0}: it is missing")]
    Missing(String),
    /// A tile or bundle has another size than it must have, or no such contents.
    #[error("{0}: it is damaged")]
    Damaged(String),
    /// A bundle that cannot be taken apart.
    #[error("{path}: {source}")]
    Bundle {
        /// Which file.
        path: String,
        /// Why.
        source: BundleError,
    },
    /// What is stored leads to another root than the one that was signed.
    #[error("the tiles of the {size} entries lead to another root than the signed one")]
    Root {
        /// Of which size.
        size: u64,
    },
    /// A larger tree was signed before: the directory is older than what was published.
    #[error(
        "the log signed {signed} entries before, and only {there} are there: it was restored from a \
         backup, and going on would sign a second history"
    )]
    Rollback {
        /// How many entries were signed.
        signed: u64,
        /// How many are there.
        there: u64,
    },
    /// Two trees of one size.
    #[error("two roots of {0} entries stand in the log's own files: it was forked")]
    Fork(u64),
    /// A tree that does not begin with the one before.
    #[error("the tree of {size} entries does not extend the one before: {source}")]
    Inconsistent {
        /// The size of the later one.
        size: u64,
        /// What the proof says.
        source: ProofError,
    },
    /// An entry that no bundle can hold.
    #[error("entry {0} of those to add has more than 65535 bytes")]
    EntryTooLarge(usize),
    /// More entries than one append takes.
    #[error("the entries to add are too many for one append: it takes those before number {0}")]
    TooMany(usize),
    /// Others write all the time, or something else changes what only writers should.
    #[error("others wrote to the log each time this was tried")]
    Busy,
    /// What never changes is there, with other bytes.
    #[error(
        "{0}: it is there with other bytes than the log's next entries make: what the log remembers is \
         older than what it holds, or another program wrote there"
    )]
    Overwrites(String),
    /// A store that does not keep what is asked of it.
    #[error("the store cannot hold a log that is written to: {0}")]
    Unfit(String),
    /// No such entry.
    #[error("there is no entry {index}: the log has {size}")]
    NoEntry {
        /// The index asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
}
