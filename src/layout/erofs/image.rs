//! An image, and what reads it.

use super::ReadError;
use super::field::{narrow, wide};
use super::superblock::Superblock;
use crate::layout::{Source, SourceError};

/// Length of a block: kernels with larger pages do not read others, either.
pub(super) const BLOCK: usize = 4096;

/// Metadata is read in pieces of this size: directories and inodes stand close together.
const WINDOW: usize = 64 << 10;
/// How many of these pieces a reader keeps.
const WINDOWS: usize = 8;

/// An image whose superblock is understood.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    source: &'a dyn Source,
    superblock: Superblock,
}

impl std::fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.superblock.fmt(f)
    }
}

impl<'a> Image<'a> {
    /// Reads the superblock of `source`.
    ///
    /// # Errors
    /// It is none of EROFS, damaged, needs what is not supported, or `source` ends before the image.
    pub fn open(source: &'a dyn Source) -> Result<Self, ReadError> {
        let mut block = [0; BLOCK];
        source.read_at(0, &mut block)?;
        let superblock = Superblock::parse(&block)?;
        let image = Self { source, superblock };
        if image.size() > source.size() {
            return Err(ReadError::Superblock(
                "the image has more blocks than are there",
            ));
        }
        Ok(image)
    }

    /// What the image says of itself.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Its length in bytes; what follows is not part of it.
    pub fn size(&self) -> u64 {
        u64::from(self.superblock.blocks).saturating_mul(wide(BLOCK))
    }

    /// Something that reads it; each thread has its own.
    pub fn reader(&self) -> Reader<'a> {
        Reader {
            image: *self,
            windows: Vec::new(),
            buffer: Vec::new(),
        }
    }
}

/// Reads an image, and keeps what it will need again soon.
pub struct Reader<'a> {
    image: Image<'a>,
    /// The last used comes last.
    windows: Vec<(u64, Vec<u8>)>,
    /// For contents.
    pub(super) buffer: Vec<u8>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.image.fmt(f)
    }
}

impl Reader<'_> {
    pub(super) fn superblock(&self) -> &Superblock {
        &self.image.superblock
    }

    /// Fills `bytes` from `at` on, past what is kept.
    pub(super) fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        let (offset, length, size) = (at, wide(bytes.len()), self.image.size());
        if at.checked_add(length).is_none_or(|end| end > size) {
            return Err(SourceError::Outside {
                offset,
                length,
                size,
            }
            .into());
        }
        Ok(self.image.source.read_at(at, bytes)?)
    }

    /// Fills `bytes` from `at` on.
    pub(super) fn metadata(&mut self, mut at: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let window = self.window(at)?;
            let count = window.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(window.get(..count).unwrap_or_default());
            at = at.saturating_add(wide(count));
            rest = later;
        }
        Ok(())
    }

    /// Some bytes from `at` on, at least one.
    fn window(&mut self, at: u64) -> Result<&[u8], ReadError> {
        let start = at - at % wide(WINDOW);
        if let Some(index) = self.windows.iter().position(|(other, _)| *other == start) {
            let window = self.windows.remove(index);
            self.windows.push(window);
        } else {
            let length = narrow(self.image.size().saturating_sub(start)).min(WINDOW);
            let mut bytes = vec![0; length.max(1)];
            self.read(start, &mut bytes)?;
            if self.windows.len() == WINDOWS {
                self.windows.remove(0);
            }
            self.windows.push((start, bytes));
        }
        let window = self.windows.last().map(|(_, bytes)| bytes.as_slice());
        let found = window.and_then(|bytes| bytes.get(narrow(at - start)..));
        match found.filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => Ok(bytes),
            None => Err(SourceError::Outside {
                offset: at,
                length: 1,
                size: self.image.size(),
            }
            .into()),
        }
    }
}
