//! Why data is not what a root hash vouches for.

use super::{BlocksError, Verity};
use crate::layout::SourceError;

/// What is wrong with data, its tree or its superblock.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// No superblock.
    #[error("verity: the tree has no superblock of veritysetup's")]
    Magic,
    /// A superblock of another kind of tree, or with bytes that mean nothing.
    #[error(
        "verity: the superblock is not one of format 1, SHA-256, blocks of {} bytes and a salt of 32, with zeros behind",
        Verity::BLOCK
    )]
    Kind,
    /// A number of blocks that no tree has.
    #[error("verity: the superblock counts no such number of blocks: {0}")]
    Blocks(#[from] BlocksError),
    /// The superblock says something else than what is trusted.
    #[error("verity: the superblock has another salt or number of blocks than the signed baseline")]
    Differs,
    /// The data or the tree ends early.
    #[error("verity: the {what} has {size} bytes, {needed} are needed")]
    Short {
        /// Which.
        what: &'static str,
        /// How many bytes there are.
        size: u64,
        /// How many there must be.
        needed: u64,
    },
    /// A block of hashes was changed.
    #[error("verity: block {block} of level {level} of the tree is not the one that was signed")]
    Hashes {
        /// The level, 0 for the one over the data.
        level: usize,
        /// The block, counted from the first one of its level.
        block: u64,
    },
    /// A block of data was changed.
    #[error("verity: block {0} of the data is not the one that was signed")]
    Data(u64),
    /// There is no such block.
    #[error("verity: there is no block {0}")]
    Behind(u64),
    /// Bytes could not be read.
    #[error("verity: {0}")]
    Source(#[from] SourceError),
}
