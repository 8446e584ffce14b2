//! Where the hashes of a tree lie.

use super::Verity;

/// Hashes in a block: 4096 bytes by 32.
pub const HASHES: u64 = 128;

/// One level of a tree: blocks of hashes over the level below, or over the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its first block, counted from the first block of the tree: that of the superblock is none.
    pub first: u64,
    /// How many blocks it has.
    pub blocks: u64,
}

impl Verity {
    /// The levels, from the one over the data to the one of a single block; none over a single
    /// block of data.
    ///
    /// On the disk the topmost comes first.
    pub fn levels(&self) -> Vec<Level> {
        let mut levels = Vec::new();
        let mut blocks = self.blocks();
        while blocks > 1 {
            blocks = blocks.div_ceil(HASHES);
            levels.push(Level { first: 0, blocks });
        }
        let mut first: u64 = 0;
        for level in levels.iter_mut().rev() {
            level.first = first;
            first = first.saturating_add(level.blocks);
        }
        levels
    }

    /// How many bytes superblock and tree take.
    pub fn tree_size(&self) -> u64 {
        let blocks: u64 = self.levels().iter().map(|level| level.blocks).sum();
        blocks.saturating_add(1).saturating_mul(Self::BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::limits;

    fn levels(blocks: u64) -> Vec<(u64, u64)> {
        let digest = Digest::of(b"");
        let verity = Verity::new(digest, digest, blocks).unwrap();
        let levels = verity.levels();
        let sum: u64 = levels.iter().map(|level| level.blocks).sum();
        assert_eq!(verity.tree_size(), (sum + 1) * Verity::BLOCK);
        levels
            .into_iter()
            .map(|level| (level.first, level.blocks))
            .collect()
    }

    #[test]
    fn the_topmost_level_comes_first_on_the_disk() {
        assert_eq!(levels(1), []);
        assert_eq!(levels(2), [(0, 1)]);
        assert_eq!(levels(128), [(0, 1)]);
        assert_eq!(levels(129), [(1, 2), (0, 1)]);
        assert_eq!(levels(16_384), [(1, 128), (0, 1)]);
        assert_eq!(levels(16_385), [(3, 129), (1, 2), (0, 1)]);
        assert_eq!(levels(limits::VERITY_BLOCKS_MAX).len(), 5);
    }
}
