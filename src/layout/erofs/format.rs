//! Numbers, places and bits of the format (Linux, `fs/erofs/erofs_fs.h`); all little-endian.

/// Where the superblock starts, in bytes.
pub const SUPER_OFFSET: usize = 1024;
/// Length of the superblock without extensions.
pub const SUPER_LEN: usize = 128;
/// First word of the superblock.
pub const MAGIC: u32 = 0xe0f5_e1e2;
/// Compatible feature: the superblock has a checksum.
pub const COMPAT_CHECKSUM: u32 = 1;
/// Compatible feature: times are those of the last change of a file's bytes.
pub const COMPAT_MTIME: u32 = 2;
/// Compressed bytes stand at the end of their cluster, zeros before them.
pub const ZERO_PADDING: u32 = 1;
/// Settings of the compressor follow the superblock; clusters may have several blocks.
pub const BIG_CLUSTER: u32 = 2;
/// Files may be made of chunks.
pub const CHUNKED: u32 = 4;
/// Further devices, or a second compressor.
pub const DEVICES_OR_HEAD2: u32 = 8;
/// The last cluster of a file may stand behind its inode.
pub const INLINE_CLUSTER: u32 = 0x10;
/// Tails in a common file, or clusters that files share.
pub const FRAGMENTS_OR_DEDUPE: u32 = 0x20;
/// Long prefixes of attributes' names.
pub const XATTR_PREFIXES: u32 = 0x40;

/// Length of a slot of inodes: their numbers count these.
pub const SLOT: u64 = 32;
/// Length of a compact inode.
pub const COMPACT_LEN: usize = 32;
/// Length of an extended inode.
pub const EXTENDED_LEN: usize = 64;

/// All bytes in blocks, one after the other.
pub const FLAT_PLAIN: u16 = 0;
/// Compressed, with an index of eight bytes for each block of the file.
pub const COMPRESSED_FULL: u16 = 1;
/// As [`FLAT_PLAIN`], but what is no whole block stands behind the inode.
pub const FLAT_INLINE: u16 = 2;
/// Compressed, with an index of two or four bytes for each block of the file.
pub const COMPRESSED_COMPACT: u16 = 3;
/// Made of chunks.
pub const CHUNK_BASED: u16 = 4;

/// Length of an entry of a directory, its name not counted.
pub const DIRENT_LEN: usize = 12;

/// Length of the head of an inode's attributes.
pub const XATTR_HEAD_LEN: usize = 12;
/// Length of the head of one attribute.
pub const XATTR_ENTRY_LEN: usize = 4;
/// What attributes' names start with, by number.
pub const XATTR_NAMES: [(u8, &[u8]); 5] = [
    (1, b"user."),
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (4, b"trusted."),
    (6, b"security."),
];

/// Length of the head of a compressed file's index.
pub const INDEX_HEAD_LEN: usize = 8;
/// Length of an entry of the index of [`COMPRESSED_FULL`]; so much is empty before the first.
pub const INDEX_ENTRY_LEN: usize = 8;
/// In the head of an index: entries of two bytes.
pub const ADVISE_2B: u16 = 1;
/// In the head of an index: clusters of several blocks.
pub const ADVISE_BIG: u16 = 2;
/// In the head of an index: the last cluster stands behind the index.
pub const ADVISE_INLINE: u16 = 8;
/// Kind of an entry: bytes that are not compressed.
pub const TYPE_PLAIN: u16 = 0;
/// Kind of an entry: a cluster starts here.
pub const TYPE_HEAD: u16 = 1;
/// Kind of an entry: a cluster goes on.
pub const TYPE_NEXT: u16 = 2;
/// In the entry after the first one of a cluster: the other bits are its number of blocks.
pub const CLUSTER_BLOCKS: u16 = 1 << 11;
/// Largest cluster, in bytes: what Linux takes.
pub const CLUSTER_MAX: u64 = 1 << 20;
/// Most bytes of a file in one cluster: what Linux takes.
pub const CLUSTER_CONTENT_MAX: u64 = 12 << 20;

/// The type in a directory's entry, by `st_mode`'s; 0 where Linux has no such type.
pub fn entry_type(st_mode: u32) -> u8 {
    match st_mode & 0o170_000 {
        S_IFREG => 1,
        S_IFDIR => 2,
        S_IFCHR => 3,
        S_IFBLK => 4,
        S_IFIFO => 5,
        S_IFSOCK => 6,
        S_IFLNK => 7,
        _ => 0,
    }
}

/// Type bits of `st_mode` (inode(7)): a FIFO.
pub const S_IFIFO: u32 = 0o010_000;
/// A character device.
pub const S_IFCHR: u32 = 0o020_000;
/// A directory.
pub const S_IFDIR: u32 = 0o040_000;
/// A block device.
pub const S_IFBLK: u32 = 0o060_000;
/// A regular file.
pub const S_IFREG: u32 = 0o100_000;
/// A symbolic link.
pub const S_IFLNK: u32 = 0o120_000;
/// A Unix socket.
pub const S_IFSOCK: u32 = 0o140_000;

/// CRC-32C (RFC 3720, appendix B.4) without its last inversion, as Linux keeps it of superblocks.
pub fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_rfc_3720() {
        assert_eq!(!crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(!crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(!crc32c(b"123456789"), 0xe306_9283);
    }
}
