//! dm-verity trees, made while the data streams by.
//!
//! The tree is a function of the data and the salt: any number of threads gives the same bytes, the
//! ones that `veritysetup format` writes with the same salt and UUID. Reading and checking is
//! [`crate::layout::verity`]'s; the format is in `docs/formats/verity.md`.

mod tree;
mod workers;
mod writer;

pub use tree::Tree;
pub use writer::{BehindFirst, VerityWriteError, Writer};
