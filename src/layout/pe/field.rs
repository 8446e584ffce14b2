//! Little-endian numbers in headers.

use super::PeError;
use crate::layout::Source;

/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;

/// The two bytes at `at`, or 0 where the header is shorter: lengths were checked before.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map_or(0, u16::from_le_bytes)
}

/// The four bytes at `at`, likewise.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map_or(0, u32::from_le_bytes)
}

/// A length or an offset as the file's are.
pub(super) fn long(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The `N` bytes at `offset`.
pub(super) fn array<const N: usize, S: Source + ?Sized>(
    source: &S,
    offset: u64,
) -> Result<[u8; N], PeError> {
    let mut bytes = [0; N];
    source.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Gives the bytes from `start` up to `end` to `take`, some at a time.
pub(super) fn feed<S: Source + ?Sized>(
    source: &S,
    start: u64,
    end: u64,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), PeError> {
    let mut chunk = vec![0; CHUNK];
    let mut at = start;
    while let Some(left) = end.checked_sub(at).filter(|left| *left > 0) {
        let count = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let room = chunk.get_mut(..count).unwrap_or_default();
        source.read_at(at, room)?;
        take(room);
        at = at.saturating_add(long(room.len()));
    }
    Ok(())
}
