//! A file as bytes at an offset.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{IoContext as _, IoError, open};
use crate::layout::{Source, SourceError};

/// A regular file whose bytes are read at any offset.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened or is no regular file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref();
        let file = open(path)?;
        let size = file.metadata().at("stat", path)?.len();
        Ok(Self { file, size })
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let failed = |error| SourceError::Io { offset, error };
        self.file.read_exact_at(buffer, offset).map_err(failed)
    }
}
