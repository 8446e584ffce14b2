//! One 512-byte header block as it was read: its fields as numbers and bytes (POSIX.1-2001 ustar,
//! GNU tar, and the older format that both grew out of).
//!
//! Images and packages each take some of what it may say; what a field means is said here alone.

use std::ops::Range;

/// Length of a block, in bytes.
pub(crate) const BLOCK: usize = 512;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;

/// A header block whose checksum is right.
#[derive(Clone, Debug)]
pub(crate) struct Block([u8; BLOCK]);

/// Which format a block is of, by its magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// GNU tar's.
    Gnu,
    /// Neither of the others: what came before them, or nothing at all.
    Old,
    /// POSIX ustar, which pax archives have too.
    Ustar,
}

impl Block {
    /// Takes a block; `None` where its checksum is wrong.
    pub(crate) fn parse(bytes: &[u8; BLOCK]) -> Option<Self> {
        let block = Self(*bytes);
        let sum = block.number(CHECKSUM)?;
        (sum == u64::from(checksum(&block.0))).then_some(block)
    }

    pub(crate) fn format(&self) -> Format {
        match self.field(MAGIC) {
            b"ustar\x0000" => Format::Ustar,
            b"ustar  \0" => Format::Gnu,
            _ => Format::Old,
        }
    }

    /// The type flag; the NUL of old archives is a regular file's `0`.
    pub(crate) fn kind(&self) -> u8 {
        match self.0.get(KIND) {
            Some(0) | None => b'0',
            Some(kind) => *kind,
        }
    }

    /// The name; ustar splits long ones in two.
    pub(crate) fn name(&self) -> Vec<u8> {
        let mut name = Vec::new();
        if self.format() == Format::Ustar {
            name.extend_from_slice(text(self.field(PREFIX)));
            if !name.is_empty() {
                name.push(b'/');
            }
        }
        name.extend_from_slice(text(self.field(NAME)));
        name
    }

    /// The target of a link.
    pub(crate) fn link(&self) -> &[u8] {
        text(self.field(LINK))
    }

    // Numbers: `None` where the field holds none.

    pub(crate) fn mode(&self) -> Option<u64> {
        self.number(MODE)
    }

    pub(crate) fn uid(&self) -> Option<u64> {
        self.number(UID)
    }

    pub(crate) fn gid(&self) -> Option<u64> {
        self.number(GID)
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.number(SIZE)
    }

    pub(crate) fn mtime(&self) -> Option<u64> {
        self.number(MTIME)
    }

    pub(crate) fn major(&self) -> Option<u64> {
        self.number(MAJOR)
    }

    pub(crate) fn minor(&self) -> Option<u64> {
        self.number(MINOR)
    }

    fn number(&self, field: Range<usize>) -> Option<u64> {
        number(self.field(field))
    }

    fn field(&self, field: Range<usize>) -> &[u8] {
        self.0.get(field).unwrap_or_default()
    }
}

/// The sum of all bytes, those of the checksum field taken as blanks.
pub(super) fn checksum(block: &[u8; BLOCK]) -> u32 {
    let all: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let field = block.get(CHECKSUM).unwrap_or_default();
    let own: u32 = field.iter().map(|byte| u32::from(*byte)).sum();
    all - own + 8 * u32::from(b' ')
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number: octal digits between blanks, ended by NUL, blank or the field; or GNU's base 256.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, bytes)) = field.split_first() {
        return bytes.iter().try_fold(0_u64, |value, byte| {
            Some(value.checked_mul(256)? | u64::from(*byte))
        });
    }
    let mut value = 0_u64;
    for digit in text(field).trim_ascii() {
        let digit @ b'0'..=b'7' = digit else {
            return None;
        };
        value = value.checked_mul(8)? | u64::from(digit - b'0');
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b" 644 \0\0\0"), Some(0o644));
        assert_eq!(number(b"77777777"), Some(0o7777_7777));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"0000008\0"), None);
        assert_eq!(number(b"-000001\0"), None);
        assert_eq!(number(b"\x80\0\0\0\0\x20\0\0"), Some(0x20_0000));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(
            number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            None
        );
    }

    #[test]
    fn a_wrong_checksum_is_no_block() {
        let mut bytes = [0; BLOCK];
        assert!(
            Block::parse(&bytes).is_none(),
            "the field holds 0, the sum is 256"
        );
        bytes[CHECKSUM].copy_from_slice(b"000400\0 ");
        let block = Block::parse(&bytes).unwrap();
        assert_eq!((block.format(), block.kind()), (Format::Old, b'0'));
        bytes[0] = b'x';
        assert!(Block::parse(&bytes).is_none());
    }
}
