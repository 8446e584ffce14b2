//! A file or block device as a source of bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::{IoContext, IoError};
use crate::layout::{Source, SourceError};

/// An open file or block device, as large as it was when it was opened.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    /// Opens a regular file or a block device for reading; FIFOs and the like are refused without
    /// blocking on them.
    ///
    /// # Errors
    /// It cannot be opened, or is neither.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref();
        let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(path)
            .at("open", path)?;
        let metadata = file.metadata().at("stat", path)?;
        let size = if metadata.is_file() {
            metadata.len()
        } else if metadata.file_type().is_block_device() {
            file.seek(SeekFrom::End(0)).at("read", path)?
        } else {
            let other = io::Error::other("it is neither a regular file nor a block device");
            return Err(IoError::new("read", path, other));
        };
        Ok(Self { file, size })
    }

    /// Takes an open regular file; its size is what it is now.
    ///
    /// # Errors
    /// Its end cannot be found.
    pub fn of(mut file: File) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
    }

    /// The open file, at its start, for reading from one end to the other.
    pub fn reader(&self) -> impl io::Read + Send + '_ {
        Reader {
            source: self,
            offset: 0,
        }
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        SourceError::check(self.size, offset, buffer.len())?;
        let read = self.file.read_exact_at(buffer, offset);
        read.map_err(|error| SourceError::Io { offset, error })
    }

    fn next_data(&self, offset: u64) -> u64 {
        // Who reads by offsets does not mind where the file stands (lseek(2)).
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(offset)) {
            Ok(found) => found.clamp(offset, self.size.max(offset)),
            Err(rustix::io::Errno::NXIO) => self.size.max(offset),
            // Block devices, and file systems that know of no holes.
            Err(_) => offset,
        }
    }
}

struct Reader<'a> {
    source: &'a FileSource,
    offset: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.file.read_at(buffer, self.offset)?;
        let more = u64::try_from(count).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(more);
        Ok(count)
    }
}
