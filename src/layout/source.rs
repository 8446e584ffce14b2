//! Bytes at an offset: a file, a block device, a part of either.

use std::io;

/// Something of a known size that is read at any offset: a disk, a partition, a file in memory.
///
/// Readers may be used from several threads at once.
pub trait Source: Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`SourceError::Outside`] where it ends before that; else what reading met.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError>;

    /// The first offset from `offset` on where there may be anything but zeros; its size where there
    /// is nothing. It spares a reader the holes of a file, and nobody has to know of any.
    fn next_data(&self, offset: u64) -> u64 {
        offset
    }
}

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Something points behind the end.
    #[error("{length} bytes at offset {offset} lie outside of its {size} bytes")]
    Outside {
        /// Where reading was to begin.
        offset: u64,
        /// How many bytes were wanted.
        length: u64,
        /// How many bytes there are.
        size: u64,
    },
    /// The machine gave no bytes.
    #[error("cannot read at offset {offset}: {error}")]
    Io {
        /// Where reading was to begin.
        offset: u64,
        /// What the system said.
        error: io::Error,
    },
}

impl SourceError {
    /// Refuses what a source of `size` bytes does not have: `length` bytes from `offset` on.
    ///
    /// # Errors
    /// [`SourceError::Outside`].
    pub fn check(size: u64, offset: u64, length: usize) -> Result<(), Self> {
        within(size, offset, wide(length)).map(drop)
    }
}

/// A part of a [`Source`], such as one partition of a disk, read as a source of its own.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a, S: ?Sized> {
    whole: &'a S,
    start: u64,
    size: u64,
}

impl<'a, S: Source + ?Sized> Part<'a, S> {
    /// The `size` bytes of `whole` from `start` on.
    ///
    /// # Errors
    /// [`SourceError::Outside`] where `whole` ends before that.
    pub fn new(whole: &'a S, start: u64, size: u64) -> Result<Self, SourceError> {
        within(whole.size(), start, size)?;
        Ok(Self { whole, start, size })
    }
}

impl<S: Source + ?Sized> Source for Part<'_, S> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let length = within(self.size, offset, wide(buffer.len()))?;
        let outside = SourceError::Outside {
            offset,
            length,
            size: self.size,
        };
        let offset = self.start.checked_add(offset).ok_or(outside)?;
        self.whole.read_at(offset, buffer)
    }

    fn next_data(&self, offset: u64) -> u64 {
        let found = self.whole.next_data(self.start.saturating_add(offset));
        found.saturating_sub(self.start).max(offset)
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_at(offset, buffer)
    }

    fn next_data(&self, offset: u64) -> u64 {
        (**self).next_data(offset)
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_at(offset, buffer)
    }

    fn next_data(&self, offset: u64) -> u64 {
        (**self).next_data(offset)
    }
}

impl Source for [u8] {
    fn size(&self) -> u64 {
        wide(self.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let length = within(self.size(), offset, wide(buffer.len()))?;
        let from = usize::try_from(offset).ok();
        let bytes = from.and_then(|from| self.get(from..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or_else(|| SourceError::Outside {
            offset,
            length,
            size: self.size(),
        })?);
        Ok(())
    }
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.as_slice().read_at(offset, buffer)
    }
}

/// A length in memory as one of a source: no machine has longer ones.
fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// `length`, where a source of `size` bytes has so many at `offset`.
fn within(size: u64, offset: u64, length: u64) -> Result<u64, SourceError> {
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(length),
        _ => Err(SourceError::Outside {
            offset,
            length,
            size,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_it_ends() {
        let whole = (0..32).collect::<Vec<u8>>();
        let part = Part::new(&whole, 8, 8).unwrap();
        let mut bytes = [0; 4];
        part.read_at(4, &mut bytes).unwrap();
        assert_eq!(bytes, [12, 13, 14, 15]);
        for (offset, length) in [(5, 4), (8, 1), (u64::MAX, 1), (u64::MAX - 3, 4)] {
            let mut bytes = vec![0; length];
            let error = part.read_at(offset, &mut bytes).unwrap_err();
            assert!(matches!(error, SourceError::Outside { size: 8, .. }));
        }
        part.read_at(8, &mut []).unwrap();
        for (start, size) in [(25, 8), (33, 0), (u64::MAX, 1)] {
            assert!(Part::new(&whole, start, size).is_err());
        }
    }
}
