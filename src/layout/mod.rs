//! Readers of what lies on disks.
//!
//! Nothing here opens a file or a device: a [`Source`] gives bytes at an offset, and everything
//! that comes out of it is hostile until it was checked. The writers of the same formats are in
//! `image`, below the wall; instances only read.

pub mod fat;
mod fields;
pub mod fsverity;
pub mod gpt;
mod source;
mod uuid;
pub mod verity;
mod zeros;

pub use source::{Part, Source, SourceError};
pub use uuid::Uuid;
pub use zeros::first_used;
