//! A file, and what it holds.

use super::FatError;
use crate::layout::{Source, SourceError};

/// A file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the root, such as `EFI/BOOT/BOOTX64.EFI`, in the case that it is written in.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    pub(super) extents: Vec<Extent>,
}

/// Bytes that follow each other on the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) size: u64,
}

/// The bytes of a file.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    file: &'a File,
    source: &'a dyn Source,
}

impl Extent {
    pub(super) fn end(self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

impl File {
    /// Its bytes, as they lie on the source that it was found on.
    pub fn of<'a>(&'a self, source: &'a dyn Source) -> Content<'a> {
        Content { file: self, source }
    }

    /// All of its bytes, of a file that has no more than `max`.
    ///
    /// # Errors
    /// It has more, or cannot be read.
    pub fn read(&self, source: &dyn Source, max: u64) -> Result<Vec<u8>, FatError> {
        let size = self.size;
        let length = usize::try_from(size).ok().filter(|_| size <= max);
        let Some(length) = length else {
            let path = self.path.clone();
            return Err(FatError::Large { path, size, max });
        };
        let mut bytes = vec![0; length];
        self.of(source).read_at(0, &mut bytes)?;
        Ok(bytes)
    }
}

impl Source for Content<'_> {
    fn size(&self) -> u64 {
        self.file.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        read_pieces(
            self.source,
            &self.file.extents,
            self.file.size,
            offset,
            buffer,
        )
    }
}

/// Reads from the `size` bytes that `extents` make one after the other.
pub(super) fn read_pieces(
    source: &dyn Source,
    extents: &[Extent],
    size: u64,
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), SourceError> {
    let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
    let outside = SourceError::Outside {
        offset,
        length,
        size,
    };
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(outside);
    }
    let (mut skip, mut rest) = (offset, buffer);
    for extent in extents {
        if rest.is_empty() {
            return Ok(());
        }
        if skip >= extent.size {
            skip = skip.saturating_sub(extent.size);
            continue;
        }
        let there = usize::try_from(extent.size.saturating_sub(skip)).unwrap_or(usize::MAX);
        let count = there.min(rest.len());
        let (part, others) = rest.split_at_mut_checked(count).unwrap_or_default();
        source.read_at(extent.start.saturating_add(skip), part)?;
        (skip, rest) = (0, others);
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(outside)
    }
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Content").field(&self.file.path).finish()
    }
}
