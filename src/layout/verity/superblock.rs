//! What `veritysetup` writes before a tree.

use super::{Verity, VerityError};
use crate::digest::Digest;
use crate::layout::Uuid;
use crate::layout::fields::Fields;
use crate::limits;

/// The block before a tree: a name, and what [`Verity`] says but for the root hash.
///
/// The kernel does not read it, and nothing may be believed because it says so. It is there for
/// tools, and in one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The name of the tree.
    pub uuid: Uuid,
    /// What is hashed before each block.
    pub salt: Digest,
    /// How many blocks of data there are.
    pub blocks: u64,
}

impl Superblock {
    /// Bytes that it takes: 512, and zeros up to the first block of hashes.
    pub const SIZE: usize = 4096;

    /// What stands before the tree of `verity`.
    pub fn of(verity: &Verity, uuid: Uuid) -> Self {
        Self {
            uuid,
            salt: verity.salt(),
            blocks: verity.blocks(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is none, one of another kind of tree, or one with bytes that mean nothing.
    pub fn parse(bytes: &[u8; Self::SIZE]) -> Result<Self, VerityError> {
        let fields = Fields(bytes);
        if fields.array(0) != *MAGIC {
            return Err(VerityError::Magic);
        }
        let read = Self {
            uuid: Uuid::from_bytes(fields.array(16)),
            salt: Digest::from_bytes(fields.array(88)),
            blocks: fields.u64(72),
        };
        if !(1..=limits::VERITY_BLOCKS_MAX).contains(&read.blocks) {
            return Err(VerityError::Blocks(super::BlocksError));
        }
        if read.encode() != *bytes {
            return Err(VerityError::Kind);
        }
        Ok(read)
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let parts: [&[u8]; 12] = [
            MAGIC,
            &1_u32.to_le_bytes(),
            &1_u32.to_le_bytes(),
            &self.uuid.to_bytes(),
            b"sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            &4096_u32.to_le_bytes(),
            &4096_u32.to_le_bytes(),
            &self.blocks.to_le_bytes(),
            &32_u16.to_le_bytes(),
            &[0; 6],
            self.salt.as_bytes(),
            &[],
        ];
        for (place, byte) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }
}

/// How every superblock begins.
const MAGIC: &[u8; 8] = b"verity\0\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let superblock = Superblock {
            uuid: Uuid::from_bytes([3; 16]),
            salt: Digest::of(b"salt"),
            blocks: 7,
        };
        let bytes = superblock.encode();
        assert_eq!(Superblock::parse(&bytes).unwrap(), superblock);
        assert_eq!(bytes[..8], *b"verity\0\0");
        assert_eq!(bytes[32..64][..7], *b"sha256\0");
        assert_eq!(bytes[80..88], [32, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[88..120], *Digest::of(b"salt").as_bytes());
        let known = [(0, 8), (16, 32), (72, 80), (88, 120)];
        for at in 0..Superblock::SIZE {
            let mut other = bytes;
            other[at] ^= 1;
            let read = Superblock::parse(&other);
            if known.iter().any(|(from, to)| (*from..*to).contains(&at)) && at > 7 {
                // A field of its own; seven blocks less six, or far too many, are another matter.
                assert!(read.is_ok_and(|read| read != superblock) || (72..80).contains(&at));
            } else {
                assert!(read.is_err(), "byte {at}");
            }
        }
    }
}
