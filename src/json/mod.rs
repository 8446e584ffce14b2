//! JSON as karat reads and writes it (RFC 8259).
//!
//! Reading is strict: a cap on bytes and depth, no key twice in one object, nothing after the
//! document; see [`read`]. What is signed has one spelling, [`canonical`].

mod canonical;
mod strict;

pub use canonical::canonical;
pub use strict::{JsonError, read};
