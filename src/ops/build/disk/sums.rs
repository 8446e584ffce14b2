//! The digests of a disk, in one pass over it.

use std::io;
use std::ops::Range;

use crate::digest::{Digest, Hasher};
use crate::tree::Content;

/// How much is read at once: what stays in the processor's cache until it is hashed.
const CHUNK: usize = 256 << 10;
/// Zeros that are hashed at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Hashes a disk of `size` bytes, and what lies at `root` in it. Only what is `used` is read, in
/// order; the rest is zeros, most of a disk with room for updates. `read` gives the bytes at an offset.
pub(super) fn hash(
    read: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    size: u64,
    used: &[Range<u64>],
    root: &Range<u64>,
) -> io::Result<(Content, Digest)> {
    let (mut disk, mut own) = (Hasher::new(), Hasher::new());
    let mut buffer = vec![0; CHUNK];
    for range in used {
        zeros(&mut disk, range.start);
        let mut at = range.start;
        while at < range.end {
            let left = range.end.saturating_sub(at);
            let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let bytes = buffer.get_mut(..count).unwrap_or_default();
            read(at, bytes)?;
            if range == root {
                // Two at a time take hardly longer than one.
                Hasher::update_all([(&mut disk, &*bytes), (&mut own, &*bytes)]);
            } else {
                disk.update(bytes);
            }
            at = disk.length();
        }
    }
    zeros(&mut disk, size);
    let content = Content {
        size: disk.length(),
        digest: disk.finish(),
    };
    Ok((content, own.finish()))
}

/// Hashes zeros up to `until`.
fn zeros(hasher: &mut Hasher, until: u64) {
    while hasher.length() < until {
        let left = until.saturating_sub(hasher.length());
        let count = usize::try_from(left).unwrap_or(ZEROS.len());
        hasher.update(ZEROS.get(..count).unwrap_or(&ZEROS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_disk_and_its_root_apart() {
        let size = 3 * CHUNK + 1000;
        let mut bytes = vec![0; size];
        let used = [0..70, 4096..4096 + 300_000, size - 33..size];
        for (number, range) in (1_u8..).zip(&used) {
            let mut value = number;
            for place in &mut bytes[range.clone()] {
                value = value.wrapping_mul(5).wrapping_add(1);
                *place = value;
            }
        }
        let read = |at: u64, buffer: &mut [u8]| {
            let at = usize::try_from(at).unwrap();
            let found = bytes.get(at..at + buffer.len());
            buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        let wide = |at: usize| u64::try_from(at).unwrap();
        let ranges = used.clone().map(|it| wide(it.start)..wide(it.end));
        let (raw, own) = hash(read, wide(size), &ranges, &ranges[1]).unwrap();
        assert_eq!(raw, Content::of(&bytes));
        assert_eq!(own, Digest::of(&bytes[used[1].clone()]));
        // It ends before what is used does.
        let longer = ranges.map(|it| it.start..it.end + 1);
        assert!(hash(read, wide(size) + 1, &longer, &longer[1]).is_err());
    }
}
