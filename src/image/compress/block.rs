//! One block of input, compressed: a pure function, whatever thread runs it.

use std::io;

use flate2::{Compress, Crc, FlushCompress};
use zstd::zstd_safe::CParameter;

/// zstd's own default; other levels were not compared.
const ZSTD_LEVEL: i32 = 3;
/// Twice level 3's window: smaller frames cost size, larger ones leave threads idle.
const ZSTD_BLOCK: usize = 4 << 20;
/// gzip's own default.
const GZIP_LEVEL: u32 = 6;
/// A sync flush costs five bytes; at this size that is nothing.
const GZIP_BLOCK: usize = 512 << 10;
/// Deflate's window: no match reaches further back.
const GZIP_WINDOW: usize = 32 << 10;

/// Which of the two codecs that work in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
}

/// A piece of input on its way to a piece of output; the buffers are used again.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// What deflate may refer back to.
    pub(super) history: Vec<u8>,
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    /// CRC-32 of the input; of nothing where the codec needs none.
    pub(super) crc: Crc,
}

/// What a thread keeps from block to block, to save setting it up: memory, never meaning.
///
/// libzstd clears a context's session before each frame, as its own threads rely on.
#[derive(Default)]
pub(super) struct Scratch(Option<zstd::bulk::Compressor<'static>>);

impl Codec {
    /// How many bytes of input make a block.
    pub(super) const fn block_size(self) -> usize {
        match self {
            Self::Gzip => GZIP_BLOCK,
            Self::Zstd => ZSTD_BLOCK,
        }
    }

    /// Compresses one block.
    pub(super) fn pack(self, block: &mut Block, scratch: &mut Scratch) -> io::Result<()> {
        block.output.clear();
        block.crc = Crc::new();
        match self {
            Self::Gzip => deflate(block),
            Self::Zstd => {
                let compressor = scratch.compressor()?;
                block
                    .output
                    .reserve(zstd::zstd_safe::compress_bound(block.input.len()));
                compressor.compress_to_buffer(&block.input, &mut block.output)?;
                Ok(())
            }
        }
    }
}

impl Block {
    /// The next block's history, in the buffer of its own.
    pub(super) fn history_into(&self, history: &mut Vec<u8>) {
        let start = self.input.len().saturating_sub(GZIP_WINDOW);
        history.clear();
        history.extend_from_slice(self.input.get(start..).unwrap_or_default());
    }
}

impl Scratch {
    fn compressor(&mut self) -> io::Result<&mut zstd::bulk::Compressor<'static>> {
        if self.0.is_none() {
            let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
            self.0 = Some(compressor);
        }
        self.0
            .as_mut()
            .ok_or_else(|| io::Error::other("no compressor"))
    }
}

/// Raw deflate of a block, ended by a sync flush: byte-aligned, and not the stream's last block.
fn deflate(block: &mut Block) -> io::Result<()> {
    block.crc.update(&block.input);
    let mut deflate = Compress::new(flate2::Compression::new(GZIP_LEVEL), false);
    if !block.history.is_empty() {
        deflate.set_dictionary(&block.history)?;
    }
    // Stored blocks grow the input by five bytes per 16 KiB at most.
    let length = block.input.len();
    block.output.reserve(length + length / 1024 + 1024);
    loop {
        let done = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        let rest = block.input.get(done..).unwrap_or_default();
        deflate.compress_vec(rest, &mut block.output, FlushCompress::Sync)?;
        // zlib has flushed all it holds once it leaves room in the output.
        if block.output.len() < block.output.capacity() {
            return Ok(());
        }
        block.output.reserve(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text with repetitions near and far, the same on every run.
    fn sample(seed: u32, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.extend_from_slice(format!("word{} ", state >> 20).as_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn what_a_thread_compressed_before_does_not_matter() {
        for codec in [Codec::Gzip, Codec::Zstd] {
            let pack = |input: &[u8], scratch: &mut Scratch| {
                let mut block = Block {
                    input: input.to_vec(),
                    ..Block::default()
                };
                codec.pack(&mut block, scratch).unwrap();
                block.output
            };
            let block = sample(1, 300_000);
            let fresh = pack(&block, &mut Scratch::default());
            let mut used = Scratch::default();
            for (seed, length) in [(2, 4 << 20), (1, 1000), (3, 0), (1, 2 << 20)] {
                pack(&sample(seed, length), &mut used);
                assert!(pack(&block, &mut used) == fresh, "{codec:?}, seed {seed}");
            }
        }
    }
}
