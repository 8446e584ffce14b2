//! What must be known to check data: root hash, salt, number of blocks.

use crate::digest::Digest;
use crate::layout::Uuid;
use crate::limits;

/// What a kernel is told to check a device against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verity {
    root: Digest,
    salt: Digest,
    blocks: u64,
}

/// A number of blocks that no tree has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a verity tree stands over 1 to {} blocks of {} bytes",
    limits::VERITY_BLOCKS_MAX,
    Verity::BLOCK
)]
pub struct BlocksError;

impl Verity {
    /// Bytes of a block, of data and of hashes: what a page of every kernel of the supported
    /// architectures holds.
    pub const BLOCK: u64 = 4096;

    /// Takes what somebody said: a signed statement, or who made the tree.
    ///
    /// # Errors
    /// There are no blocks, or more than [`limits::VERITY_BLOCKS_MAX`].
    pub const fn new(root: Digest, salt: Digest, blocks: u64) -> Result<Self, BlocksError> {
        if blocks == 0 || blocks > limits::VERITY_BLOCKS_MAX {
            return Err(BlocksError);
        }
        Ok(Self { root, salt, blocks })
    }

    /// The salt of data that `seed` names: SHA-256 over `karat verity salt`, a NUL and the seed.
    pub fn salt_of(seed: &Digest) -> Digest {
        Digest::of(&[b"karat verity salt\0", seed.as_bytes().as_slice()].concat())
    }

    /// The hash of the topmost block of hashes, or of the only block of data.
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// What is hashed before each block.
    pub const fn salt(&self) -> Digest {
        self.salt
    }

    /// How many blocks of data there are.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many bytes of data there are.
    pub const fn data_size(&self) -> u64 {
        self.blocks.saturating_mul(Self::BLOCK)
    }

    /// The names of the two partitions, of data and of hashes: the halves of the root hash
    /// (Discoverable Partitions Specification).
    pub fn partitions(&self) -> [Uuid; 2] {
        Uuid::halves(&self.root)
    }
}
