//! The log operator's side of a transparency log: a directory of tiles that only grows.
//!
//! ```text
//! LOG/
//!   checkpoint                 the newest signed checkpoint: what makes entries count
//!   checkpoints/SIZE           every checkpoint that was ever published
//!   tile/L/N  tile/entries/N   C2SP tlog-tiles; never change once they are published
//!   .state/                    the operator's own: the log's key, intent, high-water mark, lock
//! ```
//!
//! | file | what |
//! |---|---|
//! | `source` | [`Source`]: where a log is read from |
//! | `disk` | [`Disk`]: the few operations on files that appending is made of |
//! | `error` | [`LogError`] |
//! | `read` | [`Log`]: entries, tiles, proofs of a log that is there |
//! | `state` | what the operator remembers, and what is left of an interrupted append |
//! | `append` | adding entries: all of them durable, or none of them logged |
//! | `grow` | which bundles and tiles new entries make |
//! | `pass` | one pass over all entries, which any number of threads read |
//! | `check` | everything computed again |
//! | `notice` | what a log is told beside signatures: revoked keys, retired releases |
//! | `fork` | evidence of two histories, and what finds it |
//!
//! Two rules hold whatever happens in between, a crash at any operation included: an append that
//! returned is never lost, and no two roots of one size are ever signed. Formats:
//! `docs/formats/log.md`; why it is done so: `docs/design/log.md`.

mod append;
mod check;
mod disk;
mod error;
mod fork;
mod grow;
mod notice;
mod pass;
mod read;
mod source;
mod state;

pub use append::Appended;
pub use check::{Checked, Fault, FaultKind};
pub use disk::Disk;
pub use error::LogError;
pub use fork::{Fork, ForkError, ForkEvidence, View};
pub use notice::{Notice, NoticeError, OpenedNotice, Retirement, Revocation};
pub use pass::{Bundle, Pass};
pub use read::Log;
pub use source::{Names, Source};
