//! The bytes of a manifest as they are read.

use std::io::{self, Read};

use crate::digest::Hasher;
use crate::tree::Content;

/// The bytes of a manifest in parts that end with whole lines (but for a last one that was cut), so
/// that each can be given back once it is parsed: a large manifest is never held twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(pub(super) Vec<Vec<u8>>);

/// Bytes of a part, unless a line is longer.
const PART: usize = 1 << 20;

impl Parts {
    /// Reads at most `cap` bytes.
    ///
    /// # Errors
    /// Reading fails, or there are more.
    pub fn read(reader: impl Read, cap: u64) -> io::Result<Self> {
        let mut reader = reader.take(cap.saturating_add(1));
        let mut parts = Self::default();
        let mut size = 0_u64;
        let mut part = Vec::new();
        loop {
            part.reserve_exact(PART);
            let before = part.len();
            let count = reader
                .by_ref()
                .take(u64::try_from(PART).unwrap_or(u64::MAX))
                .read_to_end(&mut part)?;
            size = size.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if size > cap {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("it is larger than {cap} bytes"),
                ));
            }
            if count == 0 {
                break;
            }
            // What was there before has no line feed.
            let read = part.get(before..).unwrap_or_default();
            if let Some(feed) = read.iter().rposition(|byte| *byte == b'\n') {
                let next = part.split_off(before.saturating_add(feed).saturating_add(1));
                parts.0.push(std::mem::replace(&mut part, next));
            }
        }
        if !part.is_empty() {
            parts.0.push(part);
        }
        Ok(parts)
    }

    /// Digest and size of all bytes.
    pub fn content(&self) -> Content {
        let mut hasher = Hasher::new();
        for part in &self.0 {
            hasher.update(part);
        }
        Content {
            size: hasher.length(),
            digest: hasher.finish(),
        }
    }
}

impl From<Vec<u8>> for Parts {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![bytes])
    }
}
