//! A file or a block device as bytes at an offset.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{IoContext, IoError, open};
use crate::layout::{Source, SourceError};

/// An open file, or block device, of which any part can be read.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
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
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let read = self.file.read_exact_at(buffer, offset);
        read.map_err(|error| SourceError::Io { offset, error })
    }
}
