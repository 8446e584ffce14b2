//! EROFS images: the read-only file system of Linux that golden images boot from.
//!
//! [`write()`] gives a tree exactly one spelling, written down in `docs/formats/erofs.md`. [`read()`] makes
//! a tree of an image again, by what [`layout::erofs`](crate::layout::erofs) finds in it.

mod directory;
mod error;
mod index;
mod inode;
mod lz4;
mod metadata;
mod names;
mod pack;
mod pipeline;
mod read;
mod superblock;
mod writer;
mod xattr;

pub use error::ErofsError;
pub use read::read;
pub use writer::{Compression, First, Options, Written, label, uuid, write, write_behind_first};

/// Length of a block: the only one that every kernel reads, whatever its pages.
const BLOCK: usize = 4096;

/// A length as the numbers of the format have it.
fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
