//! The compressions of deb(5): none, gzip, xz, zstd.

use std::io::{self, BufReader, Read};

use super::DebError;

/// Most memory that an xz stream may ask for: its highest preset wants 65 MiB.
const XZ_MEMORY_MAX: u64 = 256 << 20;
/// Largest zstd window, as a power of two: what `zstd` itself accepts without being told.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// The plain bytes of a member named for its compression; more than `cap` of them are an error.
pub(super) fn reader<'a>(
    stored: impl Read + 'a,
    name: &str,
    cap: u64,
) -> Result<Capped<Box<dyn Read + 'a>>, DebError> {
    let damaged = |error: &dyn std::fmt::Display| DebError::Compression {
        member: name.to_owned(),
        message: error.to_string(),
    };
    let stored = BufReader::with_capacity(128 << 10, stored);
    let plain: Box<dyn Read + 'a> = match name.rsplit('.').next() {
        Some("tar") => Box::new(stored),
        Some("gz") => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
        Some("xz") => {
            // Its own checksums, a tenth of the time, would say nothing new: whoever reads a
            // package has compared its SHA-256 first.
            let flags = liblzma::stream::CONCATENATED | liblzma::stream::IGNORE_CHECK;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, flags)
                .map_err(|error| damaged(&error))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(stored, stream))
        }
        Some("zst") => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(stored)
                .map_err(|error| damaged(&error))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(|error| damaged(&error))?;
            Box::new(decoder)
        }
        _ => {
            return Err(DebError::Members(format!(
                "'{name}' is compressed in a way that is not known"
            )));
        }
    };
    Ok(Capped {
        inner: BufReader::with_capacity(64 << 10, plain),
        left: cap,
    })
}

/// A reader that fails once it gave as many bytes as it may.
#[derive(Debug)]
pub(super) struct Capped<R> {
    inner: BufReader<R>,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = u64::try_from(count)
            .ok()
            .and_then(|count| self.left.checked_sub(count))
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(count)
    }
}
