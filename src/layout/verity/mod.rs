//! dm-verity: a tree of hashes over a file system, so that one hash vouches for every block.
//!
//! karat knows one kind of tree: format 1, SHA-256, blocks of 4096 bytes for data and hashes, a
//! salt of 32 bytes. So does the kernel that is told so
//! (<https://docs.kernel.org/admin-guide/device-mapper/verity.html>), and so does `veritysetup`,
//! whose superblock is read here. [`Verity`] is all that must be trusted; [`Checked`] reads data by
//! it. The format: `docs/formats/verity.md`.

mod error;
mod geometry;
mod hash;
mod superblock;
mod tree;
mod value;

pub use error::VerityError;
pub use geometry::{HASHES, Level};
pub use hash::Salted;
pub use superblock::Superblock;
pub use tree::Checked;
pub use value::{BlocksError, Verity};
