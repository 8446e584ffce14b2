//! One section: a name, a place in memory, bytes of the file.

use std::fmt;

use super::field::{feed, u32_at};
use super::{Image, PeError};
use crate::digest::{Digest, Hasher};
use crate::layout::{Part, Source};
use crate::path::Escaped;

/// The name of a section: eight bytes, filled up with NUL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SectionName([u8; 8]);

/// A section as the section table has it; its place in the file was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// Its name.
    pub name: SectionName,
    /// `VirtualSize`: how many bytes it has in memory. It is this many that a stub measures.
    pub memory_size: u32,
    /// `VirtualAddress`: where it lies in memory, from the image's base.
    pub address: u32,
    /// `SizeOfRawData`: how many bytes of the file are its own.
    pub file_size: u32,
    /// `PointerToRawData`: where these begin.
    pub file_offset: u32,
    /// `Characteristics`.
    pub characteristics: u32,
}

/// Length of an entry of the section table.
pub(super) const ENTRY: usize = 40;

impl SectionName {
    /// The name up to its first NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// All eight bytes.
    pub fn padded(&self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.as_bytes()).fmt(f)
    }
}

impl fmt::Debug for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SectionName({self})")
    }
}

impl Section {
    /// Reads an entry of the section table; the caller checks it against the others.
    pub(super) fn parse(entry: &[u8; ENTRY]) -> Self {
        let mut name = [0; 8];
        for (to, from) in name.iter_mut().zip(entry) {
            *to = *from;
        }
        Self {
            name: SectionName(name),
            memory_size: u32_at(entry, 8),
            address: u32_at(entry, 12),
            file_size: u32_at(entry, 16),
            file_offset: u32_at(entry, 20),
            characteristics: u32_at(entry, 36),
        }
    }

    /// Where its bytes in the file end.
    pub(super) fn file_end(&self) -> u64 {
        u64::from(self.file_offset).saturating_add(self.file_size.into())
    }

    /// Checks that all that it has in memory stands in the file.
    fn whole(&self) -> Result<(), PeError> {
        if self.memory_size > self.file_size {
            return Err(self.breaks("it has more bytes in memory than in the file"));
        }
        Ok(())
    }

    /// An error about it.
    pub(super) fn breaks(&self, rule: &'static str) -> PeError {
        let name = self.name;
        PeError::Section { name, rule }
    }

    /// Gives the bytes that it has in memory to `take`, some at a time.
    ///
    /// # Errors
    /// It has more bytes in memory than in the file, or they cannot be read.
    pub fn each<S: Source + ?Sized>(
        &self,
        source: &S,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), PeError> {
        self.whole()?;
        let start = u64::from(self.file_offset);
        feed(
            source,
            start,
            start.saturating_add(self.memory_size.into()),
            take,
        )
    }

    /// The bytes that it has in memory, where they are `most` at most.
    ///
    /// # Errors
    /// They are more, or as [`Section::each`].
    pub fn bytes<S: Source + ?Sized>(&self, source: &S, most: u32) -> Result<Vec<u8>, PeError> {
        if self.memory_size > most {
            return Err(self.breaks("it is larger than what is read of its kind"));
        }
        let mut bytes = Vec::new();
        self.each(source, &mut |some| bytes.extend_from_slice(some))?;
        Ok(bytes)
    }

    /// The bytes that it has in memory, as a source of their own: a kernel is an image itself.
    ///
    /// # Errors
    /// As [`Section::each`].
    pub fn part<'a, S: Source + ?Sized>(&self, source: &'a S) -> Result<Part<'a, S>, PeError> {
        self.whole()?;
        let (start, size) = (self.file_offset.into(), self.memory_size.into());
        Ok(Part::new(source, start, size)?)
    }

    /// The SHA-256 of the bytes that it has in memory.
    ///
    /// # Errors
    /// As [`Section::each`].
    pub fn sha256<S: Source + ?Sized>(&self, source: &S) -> Result<Digest, PeError> {
        let mut hasher = Hasher::new();
        self.each(source, &mut |some| hasher.update(some))?;
        Ok(hasher.finish())
    }
}

impl Image {
    /// The section of this name, if there is one.
    ///
    /// # Errors
    /// There are two: which of them is meant is for each program to say.
    pub fn section(&self, name: &str) -> Result<Option<&Section>, PeError> {
        let mut named = self
            .sections()
            .iter()
            .filter(|section| section.name.as_bytes() == name.as_bytes());
        let first = named.next();
        match named.next() {
            Some(second) => Err(second.breaks("there are two of this name")),
            None => Ok(first),
        }
    }
}
