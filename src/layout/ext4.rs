//! What ext4 says of itself at the start of a partition (the kernel's `Documentation/filesystems/ext4`,
//! "Super Block"). Nothing behind its superblock is read: the kernel mounts it.

use super::fields::Fields;
use super::{Source, SourceError};

/// Where the superblock lies, and its size.
const AT: u64 = 1024;
const SIZE: usize = 1024;
/// `s_magic`.
const MAGIC: u16 = 0xef53;
/// The bit of `s_feature_incompat` for counts of 64 bits.
const WIDE: u32 = 0x80;
/// Largest `s_log_block_size`: blocks of 64 KiB.
const LOG_MAX: u32 = 6;

/// An ext2, ext3 or ext4 file system, as its superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ext4 {
    /// How many blocks it has.
    pub blocks: u64,
    /// Bytes of a block.
    pub block: u64,
}

impl Ext4 {
    /// Reads the superblock of a partition; `None`: there is none.
    ///
    /// # Errors
    /// The partition cannot be read.
    pub fn read(partition: &dyn Source) -> Result<Option<Self>, SourceError> {
        let mut bytes = [0; SIZE];
        partition.read_at(AT, &mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    /// How many blocks it would have, were it as large as a partition of `size` bytes; `None`: it is.
    pub fn wanted(self, size: u64) -> Option<u64> {
        let blocks = size.checked_div(self.block)?;
        (blocks > self.blocks).then_some(blocks)
    }

    fn parse(bytes: &[u8; SIZE]) -> Option<Self> {
        let fields = Fields(bytes);
        let log = fields.u32(24);
        if fields.u16(56) != MAGIC || log > LOG_MAX {
            return None;
        }
        let high = if fields.u32(96) & WIDE == 0 {
            0
        } else {
            fields.u32(336)
        };
        Some(Self {
            blocks: u64::from(high) << 32 | u64::from(fields.u32(4)),
            block: 1024_u64.checked_shl(log)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_both_widths() {
        let mut bytes = vec![0; 4096];
        assert_eq!(Ext4::read(&bytes).unwrap(), None);
        bytes[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xef]);
        bytes[1024 + 4..1024 + 8].copy_from_slice(&16384_u32.to_le_bytes());
        bytes[1024 + 336] = 1;
        let read = |bytes: &Vec<u8>| Ext4::read(bytes).unwrap().unwrap();
        let small = read(&bytes);
        assert_eq!((small.blocks, small.block), (16384, 1024));
        assert_eq!(small.wanted(16384 * 1024 + 1023), None);
        assert_eq!(small.wanted(16385 * 1024), Some(16385));
        bytes[1024 + 96] = 0x80;
        bytes[1024 + 24] = 2;
        let wide = read(&bytes);
        assert_eq!((wide.blocks, wide.block), ((1 << 32) + 16384, 4096));
        bytes[1024 + 24] = 7;
        assert_eq!(Ext4::read(&bytes).unwrap(), None, "no such blocks");
        assert!(Ext4::read(&vec![0; 2047]).is_err());
    }
}
