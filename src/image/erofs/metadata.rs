//! Where inodes stand: in stretches of blocks, the gaps before block ends filled by small ones.

use super::BLOCK;

/// Stretches grow to this size before they are written: memory stays bounded, and what belongs
/// together is read together.
const STRETCH: usize = 1 << 20;

/// How many gaps are remembered; older ones are mostly too small for anything.
const GAPS: usize = 128;

/// A smallest inode.
const SLOT: usize = 32;

/// Inodes that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    bytes: Vec<u8>,
    gaps: Vec<(usize, usize)>,
    /// Which inodes stand here, at which bytes.
    pub(super) members: Vec<(usize, usize)>,
}

impl Stretch {
    /// Takes the inode `number`: `head` with what belongs to it, and `tail` right behind, which
    /// may not cross the end of a block. Gives the place of `head` in the stretch.
    pub(super) fn place(&mut self, number: usize, head: &[u8], tail: &[u8]) -> usize {
        let at = self.find(head.len(), tail.len());
        let end = at + head.len() + tail.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.write(at, head);
        self.write(at + head.len(), tail);
        self.members.push((number, at));
        at
    }

    /// Overwrites bytes of something that was placed.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= STRETCH
    }

    /// Its bytes, whole blocks; empties it.
    pub(super) fn take(&mut self) -> (Vec<u8>, Vec<(usize, usize)>) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        self.gaps.clear();
        (bytes, std::mem::take(&mut self.members))
    }

    /// A place where `tail` lies within one block.
    fn find(&mut self, head: usize, tail: usize) -> usize {
        let size = (head + tail).next_multiple_of(SLOT);
        if let Some(gap) = self.gaps.iter().position(|(_, length)| *length >= size) {
            let (at, length) = self.gaps.swap_remove(gap);
            if length - size >= SLOT {
                self.gaps.push((at + size, length - size));
            }
            return at;
        }
        let end = self.bytes.len().next_multiple_of(SLOT);
        let at = if tail == 0 || crosses(end + head, tail) {
            match tail {
                0 => end,
                _ if size <= BLOCK => end.next_multiple_of(BLOCK),
                // The head is longer than a block, the tail begins the block after it.
                _ => ((end + head).next_multiple_of(BLOCK) - head).next_multiple_of(SLOT),
            }
        } else {
            end
        };
        // Only gaps within one block: they hold anything of their size.
        if at > end && at.is_multiple_of(BLOCK) && at - end < BLOCK {
            if self.gaps.len() == GAPS {
                self.gaps.remove(0);
            }
            self.gaps.push((end, at - end));
        }
        at
    }
}

/// Whether so many bytes from there on lie in more than one block.
fn crosses(start: usize, length: usize) -> bool {
    start / BLOCK != (start + length - 1) / BLOCK
}
