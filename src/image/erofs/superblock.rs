//! The first block: the superblock, the compressor's settings, the root directory.

use super::{BLOCK, Compression, Options};
use crate::layout::erofs::format::{
    BIG_CLUSTER, COMPAT_CHECKSUM, COMPAT_MTIME, INLINE_CLUSTER, MAGIC, SLOT, SUPER_LEN,
    SUPER_OFFSET, ZERO_PADDING, crc32c,
};
use crate::tree::Epoch;

/// Where the root's inode stands: at the first slot behind the compressor's settings.
pub(super) const ROOT_OFFSET: usize = 1184;

/// Settings of LZ4 (`z_erofs_lz4_cfgs`): their length; how far back matches lie; the most blocks of
/// a cluster.
const LZ4_SETTINGS: [u16; 3] = [14, 65_535, 16];

/// What the first block says.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) options: &'a Options,
    pub(super) epoch: Epoch,
    pub(super) inodes: u64,
    pub(super) blocks: u32,
    /// The root's inode and tail.
    pub(super) root: &'a [u8],
    pub(super) has_xattrs: bool,
}

/// The bytes of the first block.
pub(super) fn encode(facts: &Facts<'_>) -> [u8; BLOCK] {
    let Options {
        uuid,
        label,
        compression,
        threads: _,
    } = facts.options;
    let is_compressed = *compression == Compression::Lz4;
    let (features, algorithms) = if is_compressed {
        (ZERO_PADDING | BIG_CLUSTER | INLINE_CLUSTER, 1_u16)
    } else {
        (0, 0)
    };
    let root = super::wide(ROOT_OFFSET) / SLOT;
    let mut block = vec![0; SUPER_OFFSET];
    block.extend_from_slice(&MAGIC.to_le_bytes());
    block.extend_from_slice(&[0; 4]); // the checksum, below
    block.extend_from_slice(&(COMPAT_CHECKSUM | COMPAT_MTIME).to_le_bytes());
    block.extend_from_slice(&[12, 0]); // 2^12 bytes in a block, no extension
    block.extend_from_slice(&u16::try_from(root).unwrap_or(0).to_le_bytes());
    block.extend_from_slice(&facts.inodes.to_le_bytes());
    block.extend_from_slice(&facts.epoch.seconds().to_le_bytes());
    block.extend_from_slice(&[0; 4]); // nanoseconds
    block.extend_from_slice(&facts.blocks.to_le_bytes());
    block.extend_from_slice(&[0; 4]); // inodes' numbers count from block 0
    block.extend_from_slice(&u32::from(facts.has_xattrs).to_le_bytes());
    block.extend_from_slice(uuid);
    block.extend_from_slice(label);
    block.extend_from_slice(&features.to_le_bytes());
    block.extend_from_slice(&algorithms.to_le_bytes());
    block.resize(SUPER_OFFSET + SUPER_LEN, 0);
    if is_compressed {
        for setting in LZ4_SETTINGS {
            block.extend_from_slice(&setting.to_le_bytes());
        }
    }
    block.resize(ROOT_OFFSET, 0);
    block.extend_from_slice(facts.root);
    block.resize(BLOCK, 0);
    let checksum = crc32c(block.get(SUPER_OFFSET..).unwrap_or_default());
    if let Some(field) = block.get_mut(SUPER_OFFSET + 4..SUPER_OFFSET + 8) {
        field.copy_from_slice(&checksum.to_le_bytes());
    }
    let mut first = [0; BLOCK];
    for (place, byte) in first.iter_mut().zip(block) {
        *place = byte;
    }
    first
}
