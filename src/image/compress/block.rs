//! One block of input, compressed: a pure function, whatever thread runs it.

use std::io;

use flate2::{Compress, Crc, FlushCompress};
use zstd::zstd_safe::CParameter;

/// zstd's own default: on images of Debian, level 6 saves 4 % more and takes twice the time.
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

/// A piece of input, and what deflate may refer back to.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) history: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// A compressed piece.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// CRC-32 of the input; of nothing where the codec needs none.
    pub(super) crc: Crc,
}

impl Codec {
    /// How many bytes of input make a block.
    pub(super) const fn block_size(self) -> usize {
        match self {
            Self::Gzip => GZIP_BLOCK,
            Self::Zstd => ZSTD_BLOCK,
        }
    }

    /// What of `bytes` the next block may refer back to.
    pub(super) fn history(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let start = bytes.len().saturating_sub(GZIP_WINDOW);
                bytes.get(start..).unwrap_or_default().to_vec()
            }
            Self::Zstd => Vec::new(),
        }
    }

    /// Compresses one block.
    pub(super) fn pack(self, block: &Block) -> io::Result<Packed> {
        match self {
            Self::Gzip => deflate(block),
            // A fresh context each time: what it compressed before must not matter.
            Self::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
                compressor.set_parameter(CParameter::ChecksumFlag(true))?;
                compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
                Ok(Packed {
                    bytes: compressor.compress(&block.bytes)?,
                    crc: Crc::new(),
                })
            }
        }
    }
}

/// Raw deflate of a block, ended by a sync flush: byte-aligned, and not the stream's last block.
fn deflate(block: &Block) -> io::Result<Packed> {
    let mut crc = Crc::new();
    crc.update(&block.bytes);
    let mut deflate = Compress::new(flate2::Compression::new(GZIP_LEVEL), false);
    if !block.history.is_empty() {
        deflate.set_dictionary(&block.history)?;
    }
    // Stored blocks grow the input by five bytes per 16 KiB at most.
    let mut bytes = Vec::with_capacity(block.bytes.len() + block.bytes.len() / 1024 + 1024);
    loop {
        let done = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        let rest = block.bytes.get(done..).unwrap_or_default();
        deflate.compress_vec(rest, &mut bytes, FlushCompress::Sync)?;
        // zlib has flushed all it holds once it leaves room in the output.
        if bytes.len() < bytes.capacity() {
            return Ok(Packed { bytes, crc });
        }
        bytes.reserve(bytes.len());
    }
}
