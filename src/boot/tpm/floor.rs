//! The floor in a TPM: below which serial and trust root an image is not started on this machine.
//!
//! ```text
//! karat-floor/1 ‖ line feed ‖ 2 zeros ‖ SHA-256 of the image's name ‖ serial ‖ version of the trust root
//! 13              1           2         32                             8        8    bytes, big-endian
//! ```

use crate::baseline::ImageName;
use crate::digest::Digest;

/// What is not accepted any more, as numbers: 0 says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// The lowest serial that is accepted.
    pub serial: u64,
    /// The lowest version of the trust root.
    pub trust_root: u64,
}

/// What a machine's TPM says of an image: hostile, like anything else that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TpmFloor {
    /// The machine has no TPM.
    NoTpm,
    /// It has, and no floor of this image.
    Missing,
    /// There is a place for one, to which nothing was written.
    Unwritten,
    /// Something else has its place, or it says something else: why.
    Foreign(&'static str),
    /// The floor.
    Kept(Floor),
}

/// The place of an image's floor in a TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorIndex {
    image: Digest,
}

/// Half of what the TCG's registry of handles leaves to owners, away from what systemd takes of it.
const FIRST: u32 = 0x01a0_0000;
/// How many there are, less one.
const MASK: u32 = 0x001f_ffff;
/// What a floor begins with.
const SPEC: [u8; 16] = *b"karat-floor/1\n\0\0";

impl FloorIndex {
    /// Bytes of a floor.
    pub const SIZE: u16 = 64;

    /// The place of the floor of the image `name`: two images do not take it from each other.
    pub fn of(name: &ImageName) -> Self {
        Self {
            image: Digest::of(name.as_str().as_bytes()),
        }
    }

    /// Its handle: of the digest of the name the first four bytes, and of these the lowest 21 bits.
    pub fn handle(self) -> u32 {
        let start = self.image.as_bytes().first_chunk().copied();
        FIRST | u32::from_be_bytes(start.unwrap_or_default()) & MASK
    }

    /// The bytes of a floor.
    pub fn bytes(self, floor: Floor) -> Vec<u8> {
        let parts: [&[u8]; 4] = [
            &SPEC,
            self.image.as_bytes(),
            &floor.serial.to_be_bytes(),
            &floor.trust_root.to_be_bytes(),
        ];
        parts.concat()
    }

    /// What the TPM holds in this place.
    pub fn read(self, bytes: &[u8]) -> TpmFloor {
        let number = |at: usize| {
            let bytes = bytes.get(at..).and_then(|it| it.first_chunk().copied());
            u64::from_be_bytes(bytes.unwrap_or_default())
        };
        let floor = Floor {
            serial: number(48),
            trust_root: number(56),
        };
        if self.bytes(floor) == bytes {
            TpmFloor::Kept(floor)
        } else {
            TpmFloor::Foreign("it is no floor of this image")
        }
    }
}

impl Floor {
    /// The higher of both, number by number.
    #[must_use]
    pub fn raised(self, other: Self) -> Self {
        Self {
            serial: self.serial.max(other.serial),
            trust_root: self.trust_root.max(other.trust_root),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_one_image() {
        let [base, other] = ["base", "other"].map(|name| {
            let name = ImageName::parse(name).unwrap();
            FloorIndex::of(&name)
        });
        // printf base | sha256sum: the start.
        assert_eq!(&base.image.to_string()[..8], "cae66217");
        assert_eq!(base.handle(), 0x01a6_6217);
        assert_ne!(base.handle(), other.handle());
        let floor = Floor {
            serial: 5,
            trust_root: 2,
        };
        let bytes = base.bytes(floor);
        assert_eq!(bytes.len(), usize::from(FloorIndex::SIZE));
        assert_eq!(base.read(&bytes), TpmFloor::Kept(floor));
        let foreign = TpmFloor::Foreign("it is no floor of this image");
        for place in 0..48 {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            assert_eq!(base.read(&bytes), foreign, "{place}");
        }
        for bytes in [&[][..], &bytes[..63], &[bytes.as_slice(), &[0]].concat()] {
            assert_eq!(base.read(bytes), foreign);
        }
        assert_eq!(other.read(&bytes), foreign);
    }
}
