//! One 512-byte header block: its fields as numbers and bytes.

use tar::{Header, UstarHeader};

use super::TarError;

pub(super) const BLOCK: usize = 512;

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

/// The sum of all bytes, those of the checksum field taken as blanks.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let all: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let field = block.get(148..156).unwrap_or_default();
    let own: u32 = field.iter().map(|byte| u32::from(*byte)).sum();
    all - own + 8 * u32::from(b' ')
}

/// A header that was read: checksum and magic are right.
pub(super) struct Block {
    header: Header,
    at: u64,
    gnu: bool,
}

impl Block {
    /// Takes a block that starts at byte `at` of the archive.
    pub(super) fn parse(block: &[u8; BLOCK], at: u64) -> Result<Self, TarError> {
        let mut header = Header::new_ustar();
        header.as_mut_bytes().copy_from_slice(block);
        let fields = header.as_old();
        if number(&fields.cksum) != Some(u64::from(checksum(block))) {
            return Err(TarError::Checksum(at));
        }
        let gnu = match block.get(257..265) {
            Some(b"ustar\x0000") => false,
            Some(b"ustar  \0") => true,
            _ => return Err(TarError::Magic(at)),
        };
        Ok(Self { header, at, gnu })
    }

    pub(super) fn kind(&self) -> u8 {
        match self.header.as_old().linkflag {
            [0] => REGULAR,
            [kind] => kind,
        }
    }

    /// The name; ustar splits long ones in two.
    pub(super) fn name(&self) -> Vec<u8> {
        let mut name = Vec::new();
        if let (false, Some(UstarHeader { prefix, .. })) = (self.gnu, self.header.as_ustar()) {
            name.extend_from_slice(text(prefix));
            if !name.is_empty() {
                name.push(b'/');
            }
        }
        name.extend_from_slice(text(&self.header.as_old().name));
        name
    }

    pub(super) fn link(&self) -> &[u8] {
        text(&self.header.as_old().linkname)
    }

    pub(super) fn mode(&self) -> Result<u64, TarError> {
        self.number("mode", &self.header.as_old().mode)
    }

    pub(super) fn uid(&self) -> Result<u64, TarError> {
        self.number("uid", &self.header.as_old().uid)
    }

    pub(super) fn gid(&self) -> Result<u64, TarError> {
        self.number("gid", &self.header.as_old().gid)
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        self.number("size", &self.header.as_old().size)
    }

    pub(super) fn mtime(&self) -> Result<u64, TarError> {
        self.number("mtime", &self.header.as_old().mtime)
    }

    pub(super) fn device(&self) -> Result<(u64, u64), TarError> {
        // GNU headers have these two fields at the same place.
        let bytes = self.header.as_bytes();
        let major = bytes.get(329..337).unwrap_or_default();
        let minor = bytes.get(337..345).unwrap_or_default();
        Ok((
            self.number("devmajor", major)?,
            self.number("devminor", minor)?,
        ))
    }

    fn number(&self, field: &'static str, bytes: &[u8]) -> Result<u64, TarError> {
        number(bytes).ok_or(TarError::Number { at: self.at, field })
    }
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
        let block = Block::parse(&bytes, 0).unwrap();
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
