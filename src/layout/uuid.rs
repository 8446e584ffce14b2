//! The names of disks, partitions and file systems.

use std::fmt;

use crate::digest::Digest;

/// A UUID (RFC 9562), in the order of its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// What names nothing: an unused entry of a partition table.
    pub const NIL: Self = Self([0; 16]);

    /// Takes the bytes in the order in which the text spells them.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Takes the bytes in the order of a GUID on a disk: the first three fields little-endian (UEFI
    /// 2.10, appendix A).
    pub const fn from_guid(guid: [u8; 16]) -> Self {
        Self(swapped(guid))
    }

    /// The UUID of `what` in something that `seed` is the digest of: version 8 of RFC 9562, the
    /// first bits of SHA-256 over `karat uuid WHAT`, a NUL and the seed.
    pub fn derived(seed: &Digest, what: &str) -> Self {
        let text = [b"karat uuid ", what.as_bytes(), b"\0", seed.as_bytes()].concat();
        let [mut bytes, _] = halves(&Digest::of(&text));
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = *version & 0x0f | 0x80;
        *variant = *variant & 0x3f | 0x80;
        Self(bytes)
    }

    /// The two halves of a digest: how the Discoverable Partitions Specification names the
    /// partitions of a root hash.
    pub fn halves(digest: &Digest) -> [Self; 2] {
        halves(digest).map(Self)
    }

    /// The bytes in the order of the text.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The bytes in the order of a GUID on a disk.
    pub const fn to_guid(self) -> [u8; 16] {
        swapped(self.0)
    }
}

fn halves(digest: &Digest) -> [[u8; 16]; 2] {
    let mut halves = [[0; 16]; 2];
    for (half, bytes) in halves.iter_mut().zip(digest.as_bytes().as_chunks().0) {
        *half = *bytes;
    }
    halves
}

/// The same both ways.
#[expect(
    clippy::many_single_char_names,
    reason = "sixteen bytes, each to its place"
)]
const fn swapped(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The EFI system partition's type, as the UEFI specification spells it and as disks hold it.
    const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    const ESP_GUID: [u8; 16] = [
        0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9,
        0x3b,
    ];

    #[test]
    fn disks_hold_three_fields_the_other_way_round() {
        let esp = Uuid::from_guid(ESP_GUID);
        assert_eq!(esp.to_string(), ESP);
        assert_eq!(esp.to_guid(), ESP_GUID);
        assert_eq!(Uuid::from_bytes(esp.to_bytes()), esp);
    }

    #[test]
    fn each_thing_has_its_own_and_says_how_it_was_made() {
        let seed = Digest::of(b"image");
        let disk = Uuid::derived(&seed, "disk");
        assert_eq!(disk, Uuid::derived(&seed, "disk"));
        assert_ne!(disk, Uuid::derived(&seed, "esp"));
        assert_ne!(disk, Uuid::derived(&Digest::of(b"other"), "disk"));
        let text = disk.to_string();
        assert_eq!(&text[14..15], "8", "{text}: the version");
        assert!("89ab".contains(&text[19..20]), "{text}: the variant");
    }

    #[test]
    fn halves_of_a_root_hash() {
        let digest = Digest::of(b"abc");
        let [data, tree] = Uuid::halves(&digest).map(|half| half.to_string().replace('-', ""));
        assert_eq!(data + &tree, digest.to_string());
    }
}
