//! A finished tree, held in memory: a 128th of the data.

use std::io::{self, Write};

use crate::digest::Digest;
use crate::layout::Uuid;
use crate::layout::verity::{BlocksError, Salted, Superblock, Verity};

/// The hashes over some data, and what vouches for them.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    verity: Verity,
    /// From the level over the data upwards, each in whole blocks.
    levels: Vec<Vec<u8>>,
}

/// Bytes of a block.
const BLOCK: usize = 4096;

impl Tree {
    /// Makes the levels above the hashes of the data's blocks.
    pub(super) fn over(leaves: Vec<u8>, salt: Digest) -> Result<Self, BlocksError> {
        let count = leaves.len() / Digest::LEN;
        let blocks = u64::try_from(count).or(Err(BlocksError))?;
        let salted = Salted::new(salt.as_bytes());
        let (mut levels, mut hashes) = (Vec::new(), leaves);
        while hashes.len() > Digest::LEN {
            hashes.resize(hashes.len().next_multiple_of(BLOCK), 0);
            let mut above = Vec::new();
            salted.each(&hashes, &mut above);
            levels.push(std::mem::replace(&mut hashes, above));
        }
        let root = hashes.first_chunk().copied().ok_or(BlocksError)?;
        let verity = Verity::new(Digest::from_bytes(root), salt, blocks)?;
        Ok(Self { verity, levels })
    }

    /// What a kernel must be told to check the data.
    pub fn verity(&self) -> Verity {
        self.verity
    }

    /// How many bytes [`Tree::write`] writes.
    pub fn size(&self) -> u64 {
        self.verity.tree_size()
    }

    /// Writes the superblock, with `uuid` for a name, and the tree, its topmost block first.
    ///
    /// # Errors
    /// The sink takes no bytes.
    pub fn write(&self, uuid: Uuid, sink: &mut impl Write) -> io::Result<()> {
        sink.write_all(&Superblock::of(&self.verity, uuid).encode())?;
        for level in self.levels.iter().rev() {
            sink.write_all(level)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tree").field(&self.verity).finish()
    }
}
