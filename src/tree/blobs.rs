//! Where the bytes behind a tree's digests come from.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use super::Content;
use crate::digest::Digest;

/// A source of file contents by digest.
///
/// Readers may be used from several threads at once. A source does not vouch for the bytes: who
/// writes them into an output hashes them on the way.
pub trait Blobs: Sync {
    /// Opens the bytes of `content`.
    ///
    /// # Errors
    /// `NotFound` where this source does not have them; else what reading met.
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send + '_>>;

    /// All bytes of `content`.
    ///
    /// # Errors
    /// As [`Blobs::open`]; `InvalidData` where the bytes do not have the digest.
    fn read(&self, content: &Content) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(content)?
            .take(content.size.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if Content::of(&bytes) != *content {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("stored bytes are not those of {}", content.digest),
            ));
        }
        Ok(bytes)
    }
}

/// Contents held in memory: files that a template brings along.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(BTreeMap<Digest, Vec<u8>>);

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps `bytes` and gives their name.
    pub fn add(&mut self, bytes: Vec<u8>) -> Content {
        let content = Content::of(&bytes);
        self.0.insert(content.digest, bytes);
        content
    }
}

impl Blobs for MemoryBlobs {
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.0.get(&content.digest) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => Err(not_found(content)),
        }
    }
}

/// Two sources, the first one asked first.
#[derive(Debug)]
pub struct Layered<'a, A: ?Sized, B: ?Sized>(pub &'a A, pub &'a B);

impl<A: Blobs + ?Sized, B: Blobs + ?Sized> Blobs for Layered<'_, A, B> {
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.0.open(content) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.1.open(content),
            answer => answer,
        }
    }
}

fn not_found(content: &Content) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("no stored bytes for {}", content.digest),
    )
}
