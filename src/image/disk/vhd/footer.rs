//! The footer of a VHD file.

use crate::image::disk::field::{be32, be64, put};
use crate::image::disk::pass::Identity;

/// Its length.
pub(crate) const FOOTER: usize = 512;
/// The same, where offsets are counted.
pub(crate) const FOOTER_BYTES: u64 = 512;

const COOKIE: &[u8] = b"conectix";
/// 2000-01-01 00:00:00 UTC, which times are counted from.
const YEAR_2000: u64 = 946_684_800;
const CHECKSUM: usize = 64;
const TYPE: usize = 60;
const SIZE: usize = 48;
const FIXED: u32 = 2;

/// What a footer of ours says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Footer {
    /// The size of the disk, in bytes.
    pub(super) size: u64,
    /// Its id and time.
    pub(super) identity: Identity,
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        let since = self.identity.time.saturating_sub(YEAR_2000);
        let (cylinders, heads, sectors) = geometry(self.size / 512);
        put(&mut bytes, 0, COOKIE);
        // Features: the reserved bit that is always set; version 1.0; no further header.
        put(&mut bytes, 8, &2_u32.to_be_bytes());
        put(&mut bytes, 12, &0x0001_0000_u32.to_be_bytes());
        put(&mut bytes, 16, &u64::MAX.to_be_bytes());
        put(
            &mut bytes,
            24,
            &u32::try_from(since).unwrap_or(u32::MAX).to_be_bytes(),
        );
        // The creator decides whether a disk is as large as its size or as its geometry says: with
        // this one QEMU, too, goes by the size, as Hyper-V and Azure do.
        put(&mut bytes, 28, b"win ");
        put(&mut bytes, 32, &0x000a_0000_u32.to_be_bytes());
        put(&mut bytes, 36, b"Wi2k");
        put(&mut bytes, 40, &self.size.to_be_bytes());
        put(&mut bytes, SIZE, &self.size.to_be_bytes());
        put(&mut bytes, 56, &cylinders.to_be_bytes());
        put(&mut bytes, 58, &[heads, sectors]);
        put(&mut bytes, TYPE, &FIXED.to_be_bytes());
        put(&mut bytes, 68, &self.identity.uuid);
        let sum = checksum(&bytes);
        put(&mut bytes, CHECKSUM, &sum.to_be_bytes());
        bytes
    }
}

/// Whether these are the last bytes of a VHD file, of whatever type.
pub(crate) fn is_footer(bytes: &[u8; FOOTER]) -> bool {
    bytes.starts_with(COOKIE)
}

/// The size of the disk that a footer describes; else the rule that it breaks.
pub(super) fn size(bytes: &[u8; FOOTER]) -> Result<u64, &'static str> {
    if !is_footer(bytes) {
        return Err("its last 512 bytes are no footer");
    }
    if be32(bytes, CHECKSUM) != Some(checksum(bytes)) {
        return Err("the checksum of its footer is wrong");
    }
    if be32(bytes, TYPE) != Some(FIXED) {
        return Err("it is not of the type fixed; qemu-img convert -o subformat=fixed makes one");
    }
    be64(bytes, SIZE).ok_or("its footer is cut short")
}

/// The complement of the sum of all bytes, the checksum's own taken as zero.
fn checksum(bytes: &[u8; FOOTER]) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let own = bytes.get(CHECKSUM..CHECKSUM + 4).unwrap_or_default();
    !sum(bytes).wrapping_sub(sum(own))
}

/// Cylinders, heads and sectors of a disk of so many sectors, by the specification's appendix.
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let total = sectors.min(65_535 * 16 * 255);
    let (tracks, heads, per_track) = if total >= 65_535 * 16 * 63 {
        (total / 255, 16, 255)
    } else {
        let tracks = total / 17;
        let heads = tracks.div_ceil(1024).max(4);
        if tracks >= heads * 1024 || heads > 16 {
            let tracks = total / 31;
            if tracks >= 16 * 1024 {
                (total / 63, 16, 63)
            } else {
                (tracks, 16, 31)
            }
        } else {
            (tracks, heads, 17)
        }
    };
    let cylinders = u16::try_from(tracks / heads).unwrap_or(u16::MAX);
    let heads = u8::try_from(heads).unwrap_or(16);
    (cylinders, heads, per_track)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_says_what_it_was_made_of() {
        let footer = Footer {
            size: 3 << 20,
            identity: Identity {
                uuid: *b"0123456789abcdef",
                time: YEAR_2000 + 0x0102_0304,
            },
        };
        let bytes = footer.encode();
        assert_eq!(size(&bytes), Ok(3 << 20));
        assert_eq!(&bytes[..12], b"conectix\0\0\0\x02");
        assert_eq!(&bytes[24..28], [1, 2, 3, 4]);
        assert_eq!(&bytes[68..84], b"0123456789abcdef");
        for at in [0, 24, 50, 60, 64, 70] {
            let mut wrong = bytes;
            wrong[at] ^= 1;
            assert!(size(&wrong).is_err(), "{at}");
        }
        let mut dynamic = bytes;
        dynamic[63] = 3;
        let sum = checksum(&dynamic);
        put(&mut dynamic, CHECKSUM, &sum.to_be_bytes());
        assert!(size(&dynamic).unwrap_err().contains("fixed"));
    }

    #[test]
    fn geometries_are_those_of_the_specification() {
        for (bytes, expected) in [
            (3 << 20, (90, 4, 17)),
            (127 << 20, (1019, 15, 17)),
            (1 << 30, (2080, 16, 63)),
            (u64::MAX, (65_535, 16, 255)),
        ] {
            assert_eq!(geometry(bytes / 512), expected, "{bytes}");
        }
    }
}
