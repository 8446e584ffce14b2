//! Hashes the blocks of what passes through.

use std::io::{self, Write};
use std::num::NonZero;

use super::Tree;
use super::workers::{Piece, Workers};
use crate::digest::Digest;
use crate::layout::verity::{BlocksError, Salted, Verity};
use crate::layout::{Source, SourceError};

/// Blocks that a thread hashes at a time: what it has in its cache.
const PIECE: usize = 64 * BLOCK;
/// Bytes of a block.
const BLOCK: usize = 4096;

/// Passes writes through and makes the tree over them; [`Writer::finish`] must be called.
///
/// It holds 32 bytes for each 4096 that pass through, and some pieces of 256 KiB.
pub struct Writer<W: Write> {
    sink: W,
    salt: Digest,
    current: Vec<u8>,
    spare: Vec<Piece>,
    leaves: Vec<u8>,
    workers: Workers,
}

/// Why there is no tree.
#[derive(Debug, thiserror::Error)]
pub enum VerityWriteError {
    /// What passed through has no such tree.
    #[error("verity: {0}")]
    Blocks(#[from] BlocksError),
    /// What passed through does not end at the end of a block.
    #[error("verity: the data ends {0} bytes into a block of {block}; fill it up with zeros", block = Verity::BLOCK)]
    Part(usize),
    /// The sink takes no bytes, or a thread stopped.
    #[error("verity: {0}")]
    Io(#[from] io::Error),
    /// What is to be hashed cannot be read.
    #[error("verity: {0}")]
    Source(#[from] SourceError),
}

impl Tree {
    /// The tree over what is there already; see [`Writer::new`].
    ///
    /// # Errors
    /// It is empty, has no whole blocks, or cannot be read.
    pub fn of(
        source: &dyn Source,
        salt: Digest,
        threads: NonZero<usize>,
    ) -> Result<Self, VerityWriteError> {
        let mut writer = Writer::new(salt, threads, io::sink())?;
        let mut at: u64 = 0;
        while at < source.size() {
            let left = source.size().saturating_sub(at);
            let count = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            writer.current.resize(count, 0);
            source.read_at(at, &mut writer.current)?;
            if count == PIECE {
                writer.submit()?;
            }
            at = at.saturating_add(u64::try_from(count).unwrap_or(left));
        }
        Ok(writer.finish()?.1)
    }
}

impl<W: Write> Writer<W> {
    /// Hashes on `threads` threads, with `salt` before each block; see [`Verity::salt_of`].
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(salt: Digest, threads: NonZero<usize>, sink: W) -> io::Result<Self> {
        Ok(Self {
            sink,
            salt,
            current: Vec::new(),
            spare: Vec::new(),
            leaves: Vec::new(),
            workers: Workers::start(&Salted::new(salt.as_bytes()), threads)?,
        })
    }

    /// The sink, and the tree over all that was written.
    ///
    /// # Errors
    /// Nothing was written, or not whole blocks, or the sink cannot be flushed.
    pub fn finish(mut self) -> Result<(W, Tree), VerityWriteError> {
        let part = self.current.len() % BLOCK;
        if part > 0 {
            return Err(VerityWriteError::Part(part));
        }
        self.submit()?;
        while self.collect()? {}
        self.sink.flush()?;
        Ok((self.sink, Tree::over(self.leaves, self.salt)?))
    }

    /// Hands the current piece to the threads; waits while too many are on their way.
    fn submit(&mut self) -> io::Result<()> {
        while self.workers.is_full() {
            self.collect()?;
        }
        let mut piece = self.spare.pop().unwrap_or_default();
        piece.blocks.clear();
        std::mem::swap(&mut self.current, &mut piece.blocks);
        self.workers.submit(piece)
    }

    /// Takes the hashes of the oldest piece that is on its way; false where there is none.
    fn collect(&mut self) -> io::Result<bool> {
        let Some(piece) = self.workers.oldest() else {
            return Ok(false);
        };
        let piece = piece?;
        self.leaves.extend_from_slice(&piece.hashes);
        self.spare.push(piece);
        Ok(true)
    }
}

/// As [`Writer`], for data whose first block is known last: what passes through is all that follows it.
pub struct BehindFirst<W: Write>(Writer<W>);

impl<W: Write> BehindFirst<W> {
    /// See [`Writer::new`].
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(salt: Digest, threads: NonZero<usize>, sink: W) -> io::Result<Self> {
        let mut writer = Writer::new(salt, threads, sink)?;
        writer.leaves.resize(Digest::LEN, 0);
        Ok(Self(writer))
    }

    /// The sink, and the tree over `first` and all that was written.
    ///
    /// # Errors
    /// See [`Writer::finish`].
    pub fn finish(mut self, first: &[u8; BLOCK]) -> Result<(W, Tree), VerityWriteError> {
        let hash = Salted::new(self.0.salt.as_bytes()).one(first);
        if let Some(place) = self.0.leaves.first_chunk_mut() {
            *place = *hash.as_bytes();
        }
        self.0.finish()
    }
}

impl<W: Write> Write for BehindFirst<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> std::fmt::Debug for BehindFirst<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BehindFirst").field(&self.0).finish()
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE.saturating_sub(self.current.len());
        let offered = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let count = self.sink.write(offered)?;
        self.current
            .extend_from_slice(offered.get(..count).unwrap_or_default());
        if self.current.len() >= PIECE {
            self.submit()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("salt", &self.salt)
            .finish_non_exhaustive()
    }
}
