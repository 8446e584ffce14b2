//! Writes an archive, entry by entry.

use std::collections::BTreeSet;
use std::io::Write;

use super::CpioError;
use crate::path::ImagePath;
use crate::tree::{Device, Mode};

/// File type bits of `st_mode` (inode(7)).
const CHARACTER: u32 = 0o020_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// Entries, names and bytes begin at multiples of this.
const ALIGNMENT: usize = 4;
/// What the whole archive is padded to; cpio(1) does so, too.
const BLOCK: usize = 512;
const TRAILER: &[u8] = b"TRAILER!!!";
const PADDING: [u8; BLOCK] = [0; BLOCK];

/// Writes an archive; [`Writer::finish`] must be called.
///
/// Everything belongs to root and was last changed in 1970.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// How many bytes of the last block are written.
    filled: usize,
    entries: u32,
    directories: BTreeSet<ImagePath>,
}

/// What a header says of an entry.
#[derive(Clone, Copy, Debug)]
struct Header {
    inode: u32,
    mode: u32,
    links: u32,
    size: u32,
    device: Device,
}

impl<W: Write> Writer<W> {
    /// Starts an archive at the start of `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            filled: 0,
            entries: 0,
            directories: BTreeSet::from([ImagePath::root()]),
        }
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// It has no place there, or the output takes no bytes.
    pub fn directory(&mut self, path: &ImagePath, mode: Mode) -> Result<(), CpioError> {
        self.add(path, DIRECTORY, mode, NO_DEVICE, &[])?;
        self.directories.insert(path.clone());
        Ok(())
    }

    /// Adds a file.
    ///
    /// # Errors
    /// As [`Writer::directory`]; or it is too large.
    pub fn file(&mut self, path: &ImagePath, mode: Mode, bytes: &[u8]) -> Result<(), CpioError> {
        self.add(path, REGULAR, mode, NO_DEVICE, bytes)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// As [`Writer::directory`].
    pub fn symlink(&mut self, path: &ImagePath, target: &[u8]) -> Result<(), CpioError> {
        self.add(path, SYMLINK, Mode::SYMLINK, NO_DEVICE, target)
    }

    /// Adds a character device.
    ///
    /// # Errors
    /// As [`Writer::directory`].
    pub fn character(
        &mut self,
        path: &ImagePath,
        mode: Mode,
        device: Device,
    ) -> Result<(), CpioError> {
        self.add(path, CHARACTER, mode, device, &[])
    }

    /// Ends the archive and gives its output back.
    ///
    /// # Errors
    /// The output takes no bytes.
    pub fn finish(mut self) -> Result<W, CpioError> {
        let trailer = Header {
            inode: 0,
            mode: 0,
            links: 1,
            size: 0,
            device: NO_DEVICE,
        };
        self.entry(trailer, TRAILER, &[])?;
        self.pad(BLOCK)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn add(
        &mut self,
        path: &ImagePath,
        kind: u32,
        mode: Mode,
        device: Device,
        bytes: &[u8],
    ) -> Result<(), CpioError> {
        if path.is_root() || path.relative() == TRAILER {
            return Err(CpioError::Name(path.clone()));
        }
        let parent = path.parent().unwrap_or_else(ImagePath::root);
        if !self.directories.contains(&parent) {
            return Err(CpioError::Order(path.clone()));
        }
        let size = u32::try_from(bytes.len()).map_err(|_error| CpioError::Size(path.clone()))?;
        self.entries = self.entries.checked_add(1).ok_or(CpioError::Entries)?;
        let header = Header {
            inode: self.entries,
            mode: kind | mode.bits(),
            links: if kind == DIRECTORY { 2 } else { 1 },
            size,
            device,
        };
        self.entry(header, path.relative(), bytes)
    }

    fn entry(&mut self, header: Header, name: &[u8], bytes: &[u8]) -> Result<(), CpioError> {
        // Paths are shorter than 4 KiB.
        let name_size = u32::try_from(name.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        self.put(b"070701")?;
        for number in [
            header.inode,
            header.mode,
            0,
            0,
            header.links,
            0,
            header.size,
            0,
            0,
            header.device.major,
            header.device.minor,
            name_size,
            0,
        ] {
            self.put(format!("{number:08x}").as_bytes())?;
        }
        self.put(name)?;
        self.put(&[0])?;
        self.pad(ALIGNMENT)?;
        self.put(bytes)?;
        self.pad(ALIGNMENT)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), CpioError> {
        self.out.write_all(bytes)?;
        self.filled = self.filled.wrapping_add(bytes.len()) % BLOCK;
        Ok(())
    }

    /// NUL up to a multiple of `unit`, which divides [`BLOCK`].
    fn pad(&mut self, unit: usize) -> Result<(), CpioError> {
        let count = self
            .filled
            .next_multiple_of(unit)
            .saturating_sub(self.filled);
        self.put(PADDING.get(..count).unwrap_or_default())
    }
}

const NO_DEVICE: Device = Device { major: 0, minor: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).unwrap()
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let mut writer = Writer::new(Vec::new());
        writer.directory(&path("/dev"), Mode::DIRECTORY).unwrap();
        let console = Device { major: 5, minor: 1 };
        let mode = Mode::new(0o600).unwrap();
        writer
            .character(&path("/dev/console"), mode, console)
            .unwrap();
        writer
            .file(&path("/init"), Mode::DIRECTORY, b"hello")
            .unwrap();
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes.len(), 512);
        let zero = "00000000";
        let mut expected = Vec::new();
        for (numbers, name, content) in [
            (
                format!(
                    "00000001000041ed{zero}{zero}00000002{zero}{zero}{zero}{zero}{zero}{zero}00000004{zero}"
                ),
                "dev\0\0\0",
                "",
            ),
            (
                format!(
                    "0000000200002180{zero}{zero}00000001{zero}{zero}{zero}{zero}00000005000000010000000c{zero}"
                ),
                "dev/console\0\0\0",
                "",
            ),
            (
                format!(
                    "00000003000081ed{zero}{zero}00000001{zero}00000005{zero}{zero}{zero}{zero}00000005{zero}"
                ),
                "init\0\0",
                "hello\0\0\0",
            ),
            (
                format!(
                    "{zero}{zero}{zero}{zero}00000001{zero}{zero}{zero}{zero}{zero}{zero}0000000b{zero}"
                ),
                "TRAILER!!!\0\0\0\0",
                "",
            ),
        ] {
            expected.extend_from_slice(format!("070701{numbers}{name}{content}").as_bytes());
            assert_eq!(expected.len() % 4, 0, "{name:?}");
        }
        assert_eq!(&bytes[..expected.len()], expected);
        assert!(bytes[expected.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_linux_would_not_unpack_is_refused() {
        let mut writer = Writer::new(Vec::new());
        let dir = Mode::DIRECTORY;
        let root = writer.directory(&ImagePath::root(), dir);
        assert!(matches!(root, Err(CpioError::Name(_))));
        let end = writer.file(&path("/TRAILER!!!"), Mode::FILE, b"");
        assert!(matches!(end, Err(CpioError::Name(_))));
        let early = writer.file(&path("/a/b"), Mode::FILE, b"");
        assert!(matches!(early, Err(CpioError::Order(_))));
        writer.file(&path("/a"), Mode::FILE, b"").unwrap();
        let below = writer.file(&path("/a/b"), Mode::FILE, b"");
        assert!(matches!(below, Err(CpioError::Order(_))));
    }
}
