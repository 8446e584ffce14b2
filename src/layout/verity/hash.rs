//! Hashes of blocks, several at a time.

use super::Verity;
use crate::digest::{Digest, Hasher};

/// SHA-256 of blocks with the same salt before each.
#[derive(Clone, Debug)]
pub struct Salted(Hasher);

/// Blocks that are hashed at once: enough to keep the processor's pipes full to the end.
const AT_ONCE: usize = 24;
/// Bytes of a block.
pub(super) const BLOCK: usize = 4096;

impl Salted {
    /// Takes the salt: none of fs-verity's, 32 bytes of dm-verity's.
    pub fn new(salt: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(salt);
        Self(hasher)
    }

    /// The salt of a tree.
    pub fn of(verity: &Verity) -> Self {
        Self::new(verity.salt().as_bytes())
    }

    /// The hash of one block.
    pub fn one(&self, block: &[u8]) -> Digest {
        let mut hasher = self.0.clone();
        hasher.update(block);
        hasher.finish()
    }

    /// Appends the hash of each block of 4096 bytes; what is left after the last whole one is not
    /// looked at.
    pub fn each(&self, blocks: &[u8], hashes: &mut Vec<u8>) {
        let (blocks, _) = blocks.as_chunks::<BLOCK>();
        hashes.reserve(blocks.len().saturating_mul(Digest::LEN));
        let mut hashers: [Hasher; AT_ONCE] = std::array::from_fn(|_| self.0.clone());
        for group in blocks.chunks(AT_ONCE) {
            let mut used = 0;
            for hasher in hashers.iter_mut().take(group.len()) {
                hasher.clone_from(&self.0);
                used += 1;
            }
            let messages = hashers
                .iter_mut()
                .zip(group.iter().map(<[u8; BLOCK]>::as_slice));
            Hasher::update_all(messages);
            let hashers = hashers.get_mut(..used).unwrap_or_default();
            for digest in Hasher::finish_all(hashers) {
                hashes.extend_from_slice(digest.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_as_one_after_the_other() {
        for salt in [b"".as_slice(), b"salt", &[7; 32], &[8; 64]] {
            let salted = Salted::new(salt);
            for count in [0, 1, 2, 23, 24, 25, 60] {
                let data: Vec<u8> = (0..count * BLOCK)
                    .map(|at| u8::try_from(at / 7 % 251).unwrap())
                    .collect();
                let mut hashes = Vec::new();
                salted.each(&data, &mut hashes);
                let alone: Vec<u8> = data
                    .chunks(BLOCK)
                    .flat_map(|block| *Digest::of(&[salt, block].concat()).as_bytes())
                    .collect();
                assert_eq!(hashes, alone);
            }
        }
    }
}
