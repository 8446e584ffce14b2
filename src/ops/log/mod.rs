//! `karat log`, without printing; and logging what was just signed.
//!
//! | file | what |
//! |---|---|
//! | `directory` | making and opening a log |
//! | `place` | where a log is: [`LogPlace`], and opening one that is elsewhere |
//! | `document` | a file that is to be logged, as an entry |
//! | `append` | adding, and the Receipts of what was added |
//! | `bucket` | the same in a bucket |
//! | `look` | entries, Receipts and checks of a log that is there |
//! | `failure` | [`LogFailure`] |

mod append;
mod bucket;
mod directory;
mod document;
mod failure;
mod look;
mod place;

pub use append::{Added, AddedFile, append, append_signed, ledger};
pub use bucket::{append_at, init_at};
pub use directory::{exists, follow, init, open, places};
pub use failure::LogFailure;
pub use look::{Row, Which, check, proof, rows};
pub use place::{AnyLog, BucketPlace, LogPlace, LogPlaceError, Way, open_at};
