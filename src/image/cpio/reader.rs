//! Reading: what a kernel would unpack, as hostile bytes.

use std::io::{self, Read};

use crate::digest::{Digest, Hasher};
use crate::limits;
use crate::path::{ImagePath, PathError};

/// A regular file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Where the kernel puts it.
    pub path: ImagePath,
    /// Its bytes' SHA-256.
    pub digest: Digest,
    /// Its bytes, where they were to be kept.
    pub bytes: Option<Vec<u8>>,
}

/// Why bytes are no archive.
#[derive(Debug, thiserror::Error)]
pub enum CpioReadError {
    /// They end early, or cannot be unpacked.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A header that is none of `newc`.
    #[error("an entry is none of the newc format: {0}")]
    Header(&'static str),
    /// A name that is no path.
    #[error("an entry has a name that is no path: {0}")]
    Name(#[from] PathError),
    /// One path twice: which of the two counts depends on who unpacks it.
    #[error("{0} is there twice")]
    Twice(ImagePath),
    /// More entries than are read.
    #[error("it has more than {} entries", limits::INITRD_ENTRIES_MAX)]
    Entries,
}

/// The header's length, its magic, and where numbers stand: each has eight digits.
const HEADER: usize = 110;
const MAGIC: &[u8] = b"070701";
const MODE: usize = 14;
const SIZE: usize = 54;
const NAME_SIZE: usize = 94;
/// What names and bytes are padded to.
const ALIGNMENT: u64 = 4;
/// What ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";
/// Which bits of a mode are the type, and which type is a regular file.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// Reads one archive up to the entry that ends it; gives its regular files in their order. Their bytes are
/// kept where `keep` says so, by path and size: bound what you keep.
///
/// What follows that entry is not read. Bound what `input` gives, too.
///
/// # Errors
/// The rule that the bytes break.
pub fn read(
    input: &mut dyn Read,
    keep: &mut dyn FnMut(&ImagePath, u64) -> bool,
) -> Result<Vec<Packed>, CpioReadError> {
    let mut files: Vec<Packed> = Vec::new();
    let mut paths = std::collections::BTreeSet::new();
    for _ in 0..limits::INITRD_ENTRIES_MAX {
        let mut header = [0; HEADER];
        input.read_exact(&mut header)?;
        if !header.starts_with(MAGIC) {
            return Err(CpioReadError::Header("it does not begin with 070701"));
        }
        let (mode, size) = (number(&header, MODE)?, u64::from(number(&header, SIZE)?));
        let name = name(input, number(&header, NAME_SIZE)?)?;
        if name == TRAILER {
            return Ok(files);
        }
        let path = ImagePath::from_archive(&name)?;
        if !paths.insert(path.clone()) {
            return Err(CpioReadError::Twice(path));
        }
        let is_file = mode & TYPE == REGULAR;
        let is_kept = is_file && keep(&path, size);
        let (digest, bytes) = content(input, size, is_kept)?;
        if is_file {
            files.push(Packed {
                path,
                digest,
                bytes,
            });
        }
    }
    Err(CpioReadError::Entries)
}

fn number(header: &[u8; HEADER], at: usize) -> Result<u32, CpioReadError> {
    let digits = header.get(at..).and_then(|rest| rest.get(..8));
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let number = text.and_then(|text| u32::from_str_radix(text, 16).ok());
    number.ok_or(CpioReadError::Header("a number has no eight digits"))
}

/// The name, without the NUL that ends it.
fn name(input: &mut dyn Read, size: u32) -> Result<Vec<u8>, CpioReadError> {
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    if !(2..=limits::PATH_MAX).contains(&length) {
        return Err(CpioReadError::Header(
            "a name has no length that Linux takes",
        ));
    }
    let mut name = vec![0; length];
    input.read_exact(&mut name)?;
    let header = u64::try_from(HEADER).unwrap_or(0);
    padding(input, header.saturating_add(size.into()))?;
    match name.pop() {
        Some(0) => Ok(name),
        _ => Err(CpioReadError::Header("a name does not end with NUL")),
    }
}

fn content(
    input: &mut dyn Read,
    size: u64,
    is_kept: bool,
) -> Result<(Digest, Option<Vec<u8>>), CpioReadError> {
    let mut hasher = Hasher::new();
    let mut kept = is_kept.then(Vec::new);
    let mut buffer = vec![0; 64 << 10];
    let mut left = size;
    while left > 0 {
        let count = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let bytes = buffer.get_mut(..count).unwrap_or_default();
        input.read_exact(bytes)?;
        hasher.update(bytes);
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(bytes);
        }
        left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
    }
    padding(input, size)?;
    Ok((hasher.finish(), kept))
}

/// Reads up to the next multiple of four: NUL alone.
fn padding(input: &mut dyn Read, after: u64) -> Result<(), CpioReadError> {
    let count = after.next_multiple_of(ALIGNMENT).saturating_sub(after);
    let mut bytes = [0; 3];
    let padding = usize::try_from(count).ok();
    let padding = padding.and_then(|count| bytes.get_mut(..count));
    let padding = padding.unwrap_or_default();
    input.read_exact(padding)?;
    if padding.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(CpioReadError::Header("padding is not NUL"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::cpio::Writer;
    use crate::tree::{Device, Mode};

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).unwrap()
    }

    fn archive() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        writer.directory(&path("/dev"), Mode::DIRECTORY).unwrap();
        let device = Device { major: 1, minor: 3 };
        let mode = Mode::of_st_mode(0o666);
        writer.character(&path("/dev/null"), mode, device).unwrap();
        writer
            .file(&path("/boot.json"), Mode::FILE, b"{}\n")
            .unwrap();
        writer
            .file(&path("/init"), Mode::FILE, &[7; 9_000])
            .unwrap();
        writer.finish().unwrap()
    }

    fn files(bytes: &[u8]) -> Result<Vec<Packed>, CpioReadError> {
        read(&mut &*bytes, &mut |path, size| {
            size < 10 && *path == self::path("/boot.json")
        })
    }

    #[test]
    fn what_was_written_comes_out() {
        let files = files(&archive()).unwrap();
        let names: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(names, ["/boot.json", "/init"]);
        assert_eq!(files[0].bytes.as_deref(), Some(b"{}\n".as_slice()));
        assert_eq!(files[1].bytes, None);
        assert_eq!(files[1].digest, Digest::of(&[7; 9_000]));
    }

    #[test]
    fn other_bytes_are_refused() {
        let good = archive();
        for (at, byte) in [(0, b'1'), (15, b'x'), (99, b'f'), (94, b'8')] {
            let mut other = good.clone();
            other[at] = byte;
            assert!(files(&other).is_err(), "{at}");
        }
        for length in [0, 50, 120, good.len() / 2] {
            assert!(files(&good[..length]).is_err(), "{length}");
        }
        let end = good.windows(6).rposition(|some| some == MAGIC).unwrap();
        let twice = [&good[..end], &good].concat();
        assert!(matches!(files(&twice), Err(CpioReadError::Twice(_))));
    }
}
