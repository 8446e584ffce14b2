//! From a path to its place among the entries.

use super::Entry;
use crate::path::ImagePath;

/// A table of places by hash, at most half full; 0 is an empty slot. It is made from the signed
/// paths alone, so no name that is looked up can make its chains longer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    slots: Vec<u32>,
}

impl Index {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let size = entries.len().saturating_mul(2).next_power_of_two();
        let mut index = Self {
            slots: vec![0; size],
        };
        // A manifest has at most `limits::TREE_ENTRIES_MAX` entries, so their numbers fit.
        for (number, entry) in (1..).zip(entries) {
            let mut at = index.start(&entry.path);
            while index.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = index.next(at);
            }
            if let Some(slot) = index.slots.get_mut(at) {
                *slot = number;
            }
        }
        index
    }

    pub(super) fn place(&self, entries: &[Entry], path: &ImagePath) -> Option<usize> {
        let mut at = self.start(path);
        loop {
            let number = usize::try_from(*self.slots.get(at)?).ok()?;
            let place = number.checked_sub(1)?;
            if entries.get(place)?.path == *path {
                return Some(place);
            }
            at = self.next(at);
        }
    }

    fn start(&self, path: &ImagePath) -> usize {
        usize::try_from(hash(path.as_bytes())).unwrap_or(0) & self.mask()
    }

    fn next(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.mask()
    }

    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }
}

/// Eight bytes at a time, multiplied by an odd number near the golden ratio's share of 2^64; the
/// upper bits, which depend on all others, come down at the end.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    let mut hash = 0_u64;
    for word in words.iter().chain([&last]) {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    }
    hash >> 32
}
