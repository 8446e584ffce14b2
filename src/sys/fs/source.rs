<<<<<<< HEAD
//! A file or a block device as bytes at an offset.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{IoContext, IoError, open};
use crate::layout::{Source, SourceError};

/// An open file, or block device, of which any part can be read.
=======
//! A file or block device as a source of bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::{IoContext, IoError};
use crate::layout::{Source, SourceError};

/// An open file or block device, as large as it was when it was opened.
>>>>>>> help-carry
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
<<<<<<< HEAD
    /// Opens what is at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref();
        Self::of(open(path)?).at("read", path)
    }

    /// Takes an open file. Its size is what it is now.
    ///
    /// # Errors
    /// Its end cannot be found: it is a pipe.
    pub fn of(mut file: File) -> std::io::Result<Self> {
        // A block device has no length of its own, but it has an end.
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
=======
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

    /// The open file, at its start, for reading from one end to the other.
    pub fn reader(&self) -> impl io::Read + Send + '_ {
        Reader {
            source: self,
            offset: 0,
        }
>>>>>>> help-carry
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
<<<<<<< HEAD
=======
        let length = buffer.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(SourceError::Outside {
                offset,
                length,
                size: self.size,
            });
        }
>>>>>>> help-carry
        let read = self.file.read_exact_at(buffer, offset);
        read.map_err(|error| SourceError::Io { offset, error })
    }
}
<<<<<<< HEAD
=======

struct Reader<'a> {
    source: &'a FileSource,
    offset: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.file.read_at(buffer, self.offset)?;
        self.offset = self.offset.saturating_add(count as u64);
        Ok(count)
    }
}
>>>>>>> help-carry
