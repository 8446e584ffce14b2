//! A witness: cosigns a checkpoint only if it extends all that it cosigned before
//! (<https://c2sp.org/tlog-witness>).
//!
//! | file | what |
//! |---|---|
//! | `request` | [`AddCheckpoint`]: what a witness is asked |
//! | `known` | [`KnownLog`]: whose checkpoints it cosigns |
//! | `judge` | [`Witness`]: the answer, and what is remembered before it is given |
//!
//! Two things hold whatever happens in between, a crash at any operation included: no two roots of one
//! size are ever cosigned, and no checkpoint that is smaller than one before. Bytes in, values out;
//! who carries them is for `ops`.

mod judge;
mod known;
mod request;

pub use judge::{Answer, Refusal, Witness};
pub use known::KnownLog;
pub use request::{AddCheckpoint, RequestError};
