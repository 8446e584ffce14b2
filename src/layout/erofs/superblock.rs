//! The superblock: what the image says of itself, and whether all of it is understood.

use super::ReadError;
use super::field::{id_at, u16_at, u32_at, u64_at};
use super::format::{
    BIG_CLUSTER, CHUNKED, COMPAT_CHECKSUM, COMPAT_MTIME, DEVICES_OR_HEAD2, FRAGMENTS_OR_DEDUPE,
    INLINE_CLUSTER, MAGIC, SUPER_OFFSET, XATTR_PREFIXES, ZERO_PADDING, crc32c,
};
use super::image::BLOCK;

/// What an image says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// How many blocks of 4096 bytes it has.
    pub blocks: u32,
    /// How many inodes it says it has.
    pub inodes: u64,
    /// The time of all compact inodes, in seconds since 1970.
    pub time: u64,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Its label, padded with zeros.
    pub label: [u8; 16],
    /// The inode of `/`.
    pub root: u16,
    /// The block that inodes' numbers count from.
    pub(super) inode_block: u32,
    /// The block that shared attributes' places count from.
    pub(super) xattr_block: u32,
    /// The features that it needs.
    pub(super) features: u32,
}

impl Superblock {
    /// Reads the first block of an image.
    ///
    /// # Errors
    /// It is none of EROFS, damaged, or needs what is not supported.
    pub fn parse(block: &[u8; BLOCK]) -> Result<Self, ReadError> {
        let bytes = block.get(SUPER_OFFSET..).unwrap_or_default();
        if u32_at(bytes, 0) != MAGIC {
            return Err(ReadError::Superblock("its magic number is another"));
        }
        let compatible = u32_at(bytes, 8);
        // What kernels may ignore may still change what they show, as a filter of names does.
        if compatible & !(COMPAT_CHECKSUM | COMPAT_MTIME) != 0 {
            return Err(ReadError::Unsupported(
                "a filter of attributes' names, or a newer format",
            ));
        }
        let features = u32_at(bytes, 80);
        if let Some((_, name)) = REFUSED.iter().find(|(bits, _)| features & bits != 0) {
            return Err(ReadError::Unsupported(name));
        }
        let [size, extensions] = u16_at(bytes, 12).to_le_bytes();
        if size != 12 {
            return Err(ReadError::Unsupported("blocks of other than 4096 bytes"));
        }
        if extensions != 0 || bytes.get(90).is_none_or(|bits| *bits != 0) {
            return Err(ReadError::Unsupported(
                "extensions of the superblock or of directories",
            ));
        }
        // Without settings of compressors these bits say how far back LZ4 reaches.
        if features & BIG_CLUSTER != 0 && u16_at(bytes, 84) & !1 != 0 {
            return Err(ReadError::Unsupported("another compressor than LZ4"));
        }
        if compatible & COMPAT_CHECKSUM != 0 {
            let mut bytes = bytes.to_vec();
            let stored = u32_at(&bytes, 4);
            bytes.iter_mut().skip(4).take(4).for_each(|byte| *byte = 0);
            if crc32c(&bytes) != stored {
                return Err(ReadError::Superblock("its checksum is wrong"));
            }
        }
        Ok(Self {
            blocks: u32_at(bytes, 36),
            inodes: u64_at(bytes, 16),
            time: u64_at(bytes, 24),
            uuid: id_at(bytes, 48),
            label: id_at(bytes, 64),
            root: u16_at(bytes, 14),
            inode_block: u32_at(bytes, 40),
            xattr_block: u32_at(bytes, 44),
            features,
        })
    }

    /// Whether files may be compressed.
    pub fn is_compressed(&self) -> bool {
        self.has(ZERO_PADDING)
    }

    /// Whether the image needs one of these features.
    pub(super) fn has(&self, features: u32) -> bool {
        self.features & features != 0
    }
}

/// Features that are not read.
const REFUSED: [(u32, &str); 4] = [
    (DEVICES_OR_HEAD2, "further devices or a second compressor"),
    (FRAGMENTS_OR_DEDUPE, "fragments or deduplicated clusters"),
    (XATTR_PREFIXES, "long prefixes of attributes' names"),
    (
        !(ZERO_PADDING | BIG_CLUSTER | CHUNKED | INLINE_CLUSTER),
        "features of a newer format",
    ),
];
