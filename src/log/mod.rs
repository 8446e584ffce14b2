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
//! | `web` | [`Web`]: a source on a web server |
//! | `ahead`, `kept` | sources that are far away: [`Ahead`] reads many files at once, [`Kept`] none twice |
//! | `store` | [`Store`]: where a log is written |
//! | `bucket` | [`Bucket`]: a store of objects that are changed on condition (S3) |
//! | `s3` | objects in an S3 bucket (feature `s3`) |
//! | `disk` | [`Disk`]: the few operations on files that a store in a directory is made of |
//! | `error` | [`LogError`] |
//! | `read` | [`Log`]: entries, tiles, proofs of a log that is there |
//! | `sound` | tiles that were followed up to the root |
//! | `state` | what the operator remembers, and what is left of an interrupted append |
//! | `intent` | what is signed next, and all that is needed to finish it |
//! | `append` | adding entries: all of them durable, or none of them logged |
//! | `grow` | which bundles and tiles new entries make |
//! | `cosign` | what the log's own witnesses are asked, and their answers |
//! | `witness` | what a witness of other logs is asked, answers and remembers |
//! | `pass` | one pass over all entries, which any number of threads read |
//! | `check` | everything computed again |
//! | `memory` | what a monitor remembers, and what came since |
//! | `fork` | evidence of two histories, and what finds it |
//! | `notice` | what a log is told beside signatures: revoked keys, retired releases |
//!
//! Two rules hold whatever happens in between, a crash at any operation included: an append that
//! returned is never lost, and no two roots of one size are ever signed. Formats:
//! `docs/formats/log.md`; why it is done so: `docs/design/log.md`.

mod ahead;
mod append;
mod bucket;
mod check;
mod cosign;
mod disk;
mod error;
mod fork;
mod grow;
mod intent;
mod kept;
mod memory;
mod notice;
mod pass;
mod read;
#[cfg(feature = "s3")]
pub mod s3;
mod sound;
mod source;
mod state;
mod store;
mod web;
mod witness;

pub use ahead::Ahead;
pub use append::Appended;
pub use bucket::{Bucket, Objects, Only, Put};
pub use check::{Checked, Fault, FaultKind};
pub use cosign::AnswerError;
pub use disk::Disk;
pub use error::LogError;
pub use fork::{Fork, ForkError, ForkEvidence, View};
pub use kept::Kept;
pub use memory::{Memory, MemoryError};
pub use notice::{Notice, NoticeError, OpenedNotice, Retirement, Revocation};
pub use pass::{Bundle, Pass};
pub use read::Log;
pub use source::{Names, Source};
pub use store::{Store, Swap, Version};
pub use web::Web;
pub use witness::{AddCheckpoint, Answer, KnownLog, Refusal, RequestError, Witness};
