//! gzip (RFC 1952) and zstd (RFC 8878), on several threads, with the same bytes for any number.
//!
//! Input is cut into blocks of a fixed size, each compressed by itself, and joined in order:
//! - **zstd**: one frame per block, with content size and checksum; a file of several frames is
//!   one zstd file (RFC 8878, section 3).
//! - **gzip**: one member. Each block is deflated with the 32 KiB before it as dictionary and
//!   closed by a sync flush, as pigz does; an empty last block ends the stream.
//!
//! [`Decoder`] reads these and what other programs write, and stops at a cap.

mod block;
mod decoder;
mod encoder;

use std::fmt;
use std::str::FromStr;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// gzip, RFC 1952.
    Gzip,
    /// Not at all.
    None,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// Text that names no compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a compression is gzip, none or zstd")]
pub struct CompressionError;

impl Compression {
    /// How many bytes [`Compression::detect`] looks at.
    pub const MAGIC_LEN: usize = 4;

    /// Tells the compression from the first bytes of a file; `None` where no magic number fits.
    pub fn detect(start: &[u8]) -> Self {
        if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if start.starts_with(&0xfd2f_b528_u32.to_le_bytes()) {
            Self::Zstd
        } else {
            Self::None
        }
    }

    /// What a file name gets at its end: `.gz`, `.zst` or nothing.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::None => "",
            Self::Zstd => ".zst",
        }
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        match text {
            "gzip" => Ok(Self::Gzip),
            "none" => Ok(Self::None),
            "zstd" => Ok(Self::Zstd),
            _ => Err(CompressionError),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::None => "none",
            Self::Zstd => "zstd",
        })
    }
}
