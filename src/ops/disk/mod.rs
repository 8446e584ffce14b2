//! Finished disks: what is put on them after they were built.

mod attach;
mod error;

pub use attach::{ATTACHED_SUMS, deliver};
pub use error::{DiskFileError, Rule};
