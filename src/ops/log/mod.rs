//! `karat log`, without printing; and logging what was just signed.
//!
//! | file | what |
//! |---|---|
//! | `directory` | making and opening a log |
//! | `place` | where a log is: [`LogPlace`], and opening one that is elsewhere |
//! | `document` | a file that is to be logged, as an entry |
//! | `append` | adding, and the Receipts of what was added |
//! | `home` | the workspace that a log belongs to, and its trust roots as entries |
//! | `notice`, `notices` | saying that a key or a release counts no more; what such words forbid |
//! | `bucket` | the same in a bucket |
//! | `look` | entries, Receipts and checks of a log that is there |
//! | `cosign` | asking the log's own witnesses |
//! | `fork` | files that prove a fork |
//! | `monitor` | what changed since the last look, and whether others see the same |
//! | `policy` | tlog-policy files |
//! | `witness` | cosigning other people's logs |
//! | `failure` | [`LogFailure`] |

mod append;
mod bucket;
mod cosign;
mod directory;
mod document;
mod failure;
mod fork;
mod home;
mod look;
mod monitor;
mod notice;
mod notices;
mod place;
mod policy;
mod witness;

pub use append::{Added, AddedFile, Placed, append_notice, append_roots, append_signed, ledger};
pub use bucket::{append, init_at};
pub use cosign::{Cosigning, WitnessAnswer, cosign};
pub use directory::{exists, init, open, places};
pub use failure::LogFailure;
pub use fork::{ProvenFork, check_fork};
pub use look::{Row, Which, check, proof, rows};
pub use monitor::{MonitorSettings, Monitored, Seen, monitor};
pub use notice::sign_notice;
pub use notices::{Forbidden, Notices};
pub use place::{AnyLog, BucketPlace, LogPlace, LogPlaceError, Way, open_at};
pub use policy::read_policy;
pub use witness::{Served, WitnessServer, WitnessSettings};
