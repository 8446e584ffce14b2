//! Decompression with a cap on what comes out.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::Compression;

/// Largest window that a zstd frame may ask for (RFC 8878 recommends to support 8 MiB; zstd's own
/// `--long` writes up to 128 MiB): memory is bounded by it.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
const BUFFER: usize = 128 << 10;

/// Decompresses what it reads; more bytes than the cap are an error (`FileTooLarge`).
///
/// All members of a gzip file and all frames of a zstd file are read; anything else behind them
/// is an error.
pub struct Decoder<'a> {
    compression: Compression,
    inner: Box<dyn Read + Send + 'a>,
    left: u64,
    cap: u64,
}

impl<'a> Decoder<'a> {
    /// Reads with the compression that the first bytes tell, at most `cap` bytes in all.
    ///
    /// # Errors
    /// The first bytes cannot be read.
    pub fn detect(input: impl Read + Send + 'a, cap: u64) -> io::Result<Self> {
        let mut start = Vec::with_capacity(Compression::MAGIC_LEN);
        let mut input = input;
        let length = u64::try_from(Compression::MAGIC_LEN).unwrap_or(0);
        (&mut input).take(length).read_to_end(&mut start)?;
        let compression = Compression::detect(&start);
        Self::new(compression, io::Cursor::new(start).chain(input), cap)
    }

    /// Reads with a given compression, at most `cap` bytes in all.
    ///
    /// # Errors
    /// The decompressor cannot be set up.
    pub fn new(
        compression: Compression,
        input: impl Read + Send + 'a,
        cap: u64,
    ) -> io::Result<Self> {
        let input = BufReader::with_capacity(BUFFER, input);
        let inner: Box<dyn Read + Send + 'a> = match compression {
            Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
            Compression::None => Box::new(input),
            Compression::Zstd => Box::new(zstd_reader(input)?),
        };
        Ok(Self {
            compression,
            inner,
            left: cap,
            cap,
        })
    }

    /// The compression that is being undone.
    pub fn compression(&self) -> Compression {
        self.compression
    }
}

fn zstd_reader<'a>(input: impl BufRead + Send + 'a) -> io::Result<impl Read + Send + 'a> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Exactly the cap is fine; one byte more is not.
            if !buffer.is_empty() && self.inner.read(&mut [0])? > 0 {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it decompresses to more than {} bytes", self.cap),
                ));
            }
            return Ok(0);
        }
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .inner
            .read(buffer.get_mut(..room).unwrap_or_default())?;
        self.left = self
            .left
            .saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({}, {} bytes left)", self.compression, self.left)
    }
}
