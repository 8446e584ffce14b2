//! The pack: all distinct contents of a tree, one after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;

use rayon::prelude::*;

use crate::digest::{Digest, HashingReader};
use crate::sys::fs::{self, Lock};
use crate::tree::{Blobs, Content};

/// Where a content lies in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// First byte.
    pub(crate) offset: u64,
    /// Number of bytes.
    pub(crate) size: u64,
}

/// Which contents a pack holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index(pub(crate) BTreeMap<Digest, Slot>);

impl Index {
    /// The offset after the last byte of any content.
    pub(crate) fn end(&self) -> u64 {
        self.0
            .values()
            .map(|slot| slot.offset.saturating_add(slot.size))
            .max()
            .unwrap_or(0)
    }
}

/// The contents of a stored tree.
#[derive(Debug)]
pub struct PackBlobs {
    file: File,
    index: Index,
    /// Held while the entry is read; an open file is enough for the bytes to stay.
    _lock: Option<Lock>,
}

impl PackBlobs {
    pub(crate) fn new(file: File, index: Index) -> Self {
        Self {
            file,
            index,
            _lock: None,
        }
    }

    pub(crate) fn with_lock(self, lock: Lock) -> Self {
        Self {
            _lock: Some(lock),
            ..self
        }
    }

    /// Whether each content has the digest that names it, by all processors. What cannot be read is
    /// not whole.
    pub fn are_whole(&self) -> bool {
        self.index.0.par_iter().all(|(digest, slot)| {
            let content = Content {
                digest: *digest,
                size: slot.size,
            };
            let hashed = self.open(&content).and_then(|reader| {
                let mut hashing = HashingReader::new(reader);
                io::copy(&mut hashing, &mut io::sink())?;
                Ok(hashing.finish())
            });
            hashed.is_ok_and(|found| found == (*digest, slot.size))
        })
    }

    /// Bytes of all distinct contents together.
    pub fn size(&self) -> u64 {
        self.index
            .0
            .values()
            .fold(0, |sum: u64, slot| sum.saturating_add(slot.size))
    }
}

impl Blobs for PackBlobs {
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.index.0.get(&content.digest) {
            Some(slot) if slot.size == content.size => Ok(Box::new(Window {
                file: &self.file,
                offset: slot.offset,
                left: slot.size,
            })),
            _ => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no stored bytes for {}", content.digest),
            )),
        }
    }
}

/// A run of bytes of a file, read by position, so that readers do not disturb each other.
struct Window<'a> {
    file: &'a File,
    offset: u64,
    left: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let count = self.file.read_at(buffer, self.offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let advance = u64::try_from(count).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(advance);
        self.left = self.left.saturating_sub(advance);
        Ok(count)
    }
}

/// Writes a pack from several threads; each distinct content once.
///
/// The order of contents depends on the threads; no output of a build depends on it.
#[derive(Debug)]
pub(crate) struct PackWriter {
    file: File,
    state: Mutex<(Index, u64)>,
}

impl PackWriter {
    /// A pack in an empty file.
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            state: Mutex::new((Index::default(), 0)),
        }
    }

    /// Keeps contents that lie one after the other in memory; gives their names. What is new is
    /// written with as few calls as may be: several threads write into one file.
    pub(crate) fn keep_all(&self, parts: &[&[u8]]) -> io::Result<Vec<Content>> {
        let contents: Vec<Content> = Digest::of_all(parts)
            .into_iter()
            .zip(parts)
            .map(|(digest, part)| Content {
                digest,
                size: u64::try_from(part.len()).unwrap_or(u64::MAX),
            })
            .collect();
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (index, end) = &mut *state;
        let start = *end;
        let mut fresh = Vec::new();
        for (content, part) in contents.iter().zip(parts) {
            if index.0.contains_key(&content.digest) {
                continue;
            }
            let slot = Slot {
                offset: *end,
                size: content.size,
            };
            *end = end.saturating_add(content.size);
            index.0.insert(content.digest, slot);
            fresh.push(IoSlice::new(part));
        }
        drop(state);
        fs::write_all_at(&self.file, &mut fresh, start)?;
        Ok(contents)
    }

    /// The place reserved for `content`; `None` where it is in the pack already.
    pub(crate) fn reserve(&self, content: &Content) -> Option<Slot> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (index, end) = &mut *state;
        if index.0.contains_key(&content.digest) {
            return None;
        }
        let slot = Slot {
            offset: *end,
            size: content.size,
        };
        *end = end.saturating_add(content.size);
        index.0.insert(content.digest, slot);
        Some(slot)
    }

    /// Writes a part of a reserved place.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// What was written.
    pub(crate) fn finish(self) -> Index {
        self.state
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_is_kept_once_and_read_back() {
        let directory = crate::sys::env::temp_dir();
        let directory = directory.join(format!("karat-pack-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&directory)
            .unwrap();
        let writer = PackWriter::new(file.try_clone().unwrap());
        for bytes in [b"one".as_slice(), b"three", b"one", b""] {
            let content = Content::of(bytes);
            if let Some(slot) = writer.reserve(&content) {
                writer.write(slot.offset, bytes).unwrap();
            }
        }
        let blobs = PackBlobs::new(file, writer.finish());
        std::fs::remove_file(&directory).unwrap();
        assert_eq!(blobs.size(), 8);
        assert!(blobs.are_whole());
        for bytes in [b"one".as_slice(), b"three", b""] {
            assert_eq!(blobs.read(&Content::of(bytes)).unwrap(), bytes);
        }
        let other = Content::of(b"two");
        assert_eq!(
            blobs.open(&other).err().unwrap().kind(),
            io::ErrorKind::NotFound
        );
        blobs.file.write_all_at(b"T", 4).unwrap();
        assert!(!blobs.are_whole());
    }
}
