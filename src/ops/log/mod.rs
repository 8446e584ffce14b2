//! `karat log`, without printing; and logging what was just signed.
//!
//! | file | what |
//! |---|---|
//! | `directory` | making and opening a log |
//! | `document` | a file that is to be logged, as an entry |
//! | `append` | adding, and the Receipts of what was added |
//! | `home` | the workspace that a log belongs to, and its trust roots as entries |
//! | `notice`, `notices` | saying that a key or a release counts no more; what such words forbid |
//! | `look` | entries, Receipts and checks of a log that is there |
//! | `failure` | [`LogFailure`] |

mod append;
mod directory;
mod document;
mod failure;
mod home;
mod look;
mod notice;
mod notices;

pub use append::{Added, AddedFile, append, append_notice, append_roots, append_signed, ledger};
pub use directory::{exists, init, open, places};
pub use failure::LogFailure;
pub use look::{Row, Which, check, proof, rows};
pub use notice::sign_notice;
pub use notices::{Forbidden, Notices};
