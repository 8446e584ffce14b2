//! One 512-byte header block as it is written; `block` reads them.

use tar::Header;

use super::block::{BLOCK, checksum};

/// A file.
pub(super) const REGULAR: u8 = b'0';
/// A further name of an earlier entry.
pub(super) const HARD_LINK: u8 = b'1';
/// A symbolic link.
pub(super) const SYMLINK: u8 = b'2';
/// A character device.
pub(super) const CHAR_DEVICE: u8 = b'3';
/// A block device.
pub(super) const BLOCK_DEVICE: u8 = b'4';
/// A directory.
pub(super) const DIRECTORY: u8 = b'5';
/// A named pipe.
pub(super) const FIFO: u8 = b'6';
/// pax records for the next entry.
pub(super) const PAX: u8 = b'x';
/// pax records for all entries that follow.
pub(super) const PAX_GLOBAL: u8 = b'g';
/// GNU: the next entry's name.
pub(super) const GNU_NAME: u8 = b'L';
/// GNU: the next entry's link name.
pub(super) const GNU_LINK: u8 = b'K';
/// GNU: a sparse file.
pub(super) const GNU_SPARSE: u8 = b'S';

/// Largest number in an eight-byte octal field with its NUL.
pub(super) const OCTAL_7_MAX: u64 = 0o777_7777;
/// Largest number in a twelve-byte octal field with its NUL.
pub(super) const OCTAL_11_MAX: u64 = 0o777_7777_7777;

/// What goes into a header; numbers must fit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
    pub(super) link: &'a [u8],
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: u64,
    pub(super) mtime: u64,
    pub(super) major: u64,
    pub(super) minor: u64,
}

impl Fields<'_> {
    /// The block: octal digits with leading zeros, each field closed by one NUL; no owner names, no
    /// prefix. Names are cut at 100 bytes.
    pub(super) fn encode(&self) -> [u8; BLOCK] {
        let mut header = Header::new_ustar();
        if let Some(ustar) = header.as_ustar_mut() {
            bytes(&mut ustar.name, self.name);
            bytes(&mut ustar.linkname, self.link);
            ustar.typeflag = [self.kind];
            octal(&mut ustar.mode, u64::from(self.mode));
            octal(&mut ustar.uid, self.uid);
            octal(&mut ustar.gid, self.gid);
            octal(&mut ustar.size, self.size);
            octal(&mut ustar.mtime, self.mtime);
            octal(&mut ustar.dev_major, self.major);
            octal(&mut ustar.dev_minor, self.minor);
        }
        let sum = u64::from(checksum(header.as_bytes()));
        if let Some(ustar) = header.as_ustar_mut() {
            let [digits @ .., last] = &mut ustar.cksum;
            octal(digits, sum);
            *last = b' ';
        }
        *header.as_bytes()
    }
}

fn bytes(field: &mut [u8], value: &[u8]) {
    for (slot, byte) in field.iter_mut().zip(value) {
        *slot = *byte;
    }
}

fn octal(field: &mut [u8], mut value: u64) {
    let Some((nul, digits)) = field.split_last_mut() else {
        return;
    };
    *nul = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value & 7).unwrap_or(0);
        value >>= 3;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tar::block::{Block, Format};

    #[test]
    fn a_header_round_trips() {
        let fields = Fields {
            kind: REGULAR,
            name: b"./etc/hosts",
            mode: 0o4755,
            uid: OCTAL_7_MAX,
            size: OCTAL_11_MAX,
            mtime: 1_760_000_000,
            ..Fields::default()
        };
        let bytes = fields.encode();
        let block = Block::parse(&bytes).unwrap();
        assert_eq!(block.format(), Format::Ustar);
        assert_eq!(block.kind(), REGULAR);
        assert_eq!(block.name(), b"./etc/hosts");
        assert_eq!(block.mode().unwrap(), 0o4755);
        assert_eq!(block.uid().unwrap(), OCTAL_7_MAX);
        assert_eq!(block.size().unwrap(), OCTAL_11_MAX);
        assert_eq!(block.mtime().unwrap(), 1_760_000_000);
        let theirs = Header::from_byte_slice(&bytes);
        assert_eq!(
            u64::from(theirs.cksum().unwrap()),
            u64::from(checksum(&bytes))
        );
    }
}
