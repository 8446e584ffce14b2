//! Readers of what lies on disks.
//!
//! Nothing here opens a file or a device: a [`Source`] gives bytes at an offset, and everything
//! that comes out of it is hostile until it was checked. The writers of the same formats are in
//! `image`, below the wall; instances only read.

pub mod pe;
mod source;

pub use source::{Part, Source, SourceError};
