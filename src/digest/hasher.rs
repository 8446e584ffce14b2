//! Streaming SHA-256, and readers and writers that hash what passes through them.

use std::io::{self, Read, Write};

use super::Digest;
use super::blocks::{self, Block, INITIAL, Run, State};

/// Hashes bytes as they come.
#[derive(Clone)]
pub struct Hasher {
    state: State,
    /// Bytes that do not make a whole block yet, then bytes without meaning.
    rest: Block,
    length: u64,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            state: INITIAL,
            rest: [0; BLOCK],
            length: 0,
        }
    }
}

/// Bytes of a block.
const BLOCK: usize = size_of::<Block>();
/// Messages whose last blocks are made up at a time.
const AT_A_TIME: usize = 24;
/// Bytes at the end of the last block that hold the length.
const LENGTH: usize = size_of::<u64>();

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes further bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let run = self.begin(bytes);
        blocks::compress(run.state, run.blocks);
    }

    /// Takes further bytes of several messages at once: faster than one after the other, because a
    /// single message cannot keep a core busy.
    pub fn update_all<'a>(messages: impl IntoIterator<Item = (&'a mut Self, &'a [u8])>) {
        let runs = messages
            .into_iter()
            .map(|(hasher, bytes)| hasher.begin(bytes));
        blocks::compress_all(runs);
    }

    /// How many bytes were taken so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest of all bytes taken.
    pub fn finish(mut self) -> Digest {
        let last = self.padded();
        let (run, count) = (last.as_chunks().0, self.last_blocks());
        blocks::compress(&mut self.state, run.get(..count).unwrap_or(run));
        self.digest()
    }

    /// The digests of all bytes that each has taken; nothing else may be asked of them afterwards
    /// but to be dropped.
    pub fn finish_all(hashers: &mut [Self]) -> impl Iterator<Item = Digest> {
        let mut last = [[0; 2 * BLOCK]; AT_A_TIME];
        for group in hashers.chunks_mut(AT_A_TIME) {
            for (last, hasher) in last.iter_mut().zip(&*group) {
                *last = hasher.padded();
            }
            let runs = group.iter_mut().zip(&last).map(|(hasher, last)| {
                let (run, count) = (last.as_chunks().0, hasher.last_blocks());
                Run {
                    blocks: run.get(..count).unwrap_or(run),
                    state: &mut hasher.state,
                }
            });
            blocks::compress_all(runs);
        }
        hashers.iter().map(Self::digest)
    }

    /// Takes bytes up to a whole block, keeps those after the last whole one, and gives the blocks
    /// between.
    fn begin<'a>(&'a mut self, bytes: &'a [u8]) -> Run<'a> {
        let held = self.held();
        self.length = self
            .length
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut bytes = bytes;
        if held > 0 {
            let room = self.rest.get_mut(held..).unwrap_or_default();
            let count = room.len().min(bytes.len());
            let (head, others) = bytes.split_at_checked(count).unwrap_or_default();
            let (into, left) = room.split_at_mut_checked(count).unwrap_or_default();
            into.copy_from_slice(head);
            bytes = others;
            if !left.is_empty() {
                return Run {
                    state: &mut self.state,
                    blocks: &[],
                };
            }
            blocks::compress(&mut self.state, &[self.rest]);
        }
        let (blocks, rest) = bytes.as_chunks();
        if let Some(place) = self.rest.get_mut(..rest.len()) {
            place.copy_from_slice(rest);
        }
        Run {
            state: &mut self.state,
            blocks,
        }
    }

    /// How many bytes of `rest` have a meaning.
    fn held(&self) -> usize {
        usize::try_from(self.length % 64).unwrap_or(0)
    }

    /// How many blocks the rest, the mark of the end and the length take.
    fn last_blocks(&self) -> usize {
        if self.held() < BLOCK - LENGTH { 1 } else { 2 }
    }

    /// The last blocks of the message (FIPS 180-4 section 5.1.1), as far as `last_blocks` says.
    fn padded(&self) -> [u8; 2 * BLOCK] {
        let mut last = [0; 2 * BLOCK];
        let held = self.rest.get(..self.held()).unwrap_or_default();
        let bits = self.length.wrapping_mul(8).to_be_bytes();
        for (place, byte) in last.iter_mut().zip(held.iter().chain(&[0x80])) {
            *place = *byte;
        }
        let end = self.last_blocks() * BLOCK;
        if let Some(place) = last.get_mut(end - LENGTH..end) {
            place.copy_from_slice(&bits);
        }
        last
    }

    fn digest(&self) -> Digest {
        let mut bytes = [0; Digest::LEN];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.state) {
            *place = word.to_be_bytes();
        }
        Digest::from_bytes(bytes)
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({} bytes)", self.length)
    }
}

/// Passes reads through and hashes what was read.
#[derive(Debug)]
pub struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> HashingReader<R> {
    /// Wraps `inner`.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
        }
    }

    /// The digest and the number of the bytes read so far.
    pub fn finish(self) -> (Digest, u64) {
        let length = self.hasher.length();
        (self.hasher.finish(), length)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Passes writes through and hashes what was written.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> HashingWriter<W> {
    /// Wraps `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
        }
    }

    /// The wrapped writer, the digest and the number of the bytes written so far.
    pub fn finish(self) -> (W, Digest, u64) {
        let length = self.hasher.length();
        (self.inner, self.hasher.finish(), length)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
