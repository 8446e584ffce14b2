//! The unique ids of partitions.

use std::fmt;
use std::str::FromStr;

/// The unique id of a partition, as people write it: 32 lower-case hexadecimal digits in five groups.
///
/// On a disk its first three groups stand with the least byte first (UEFI, section 5.3.3 and
/// appendix A).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionId([u8; 16]);

/// Text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a partition is 8-4-4-4-12 lower-case hexadecimal digits, not all of them 0")]
pub struct PartitionIdError;

/// Before which bytes there is a `-`.
const DASHES: [usize; 4] = [4, 6, 8, 10];

impl PartitionId {
    /// The 16 bytes in the order in which people write them, as in the halves of a root hash; `None`:
    /// all of them are 0, which is no partition.
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// The 16 bytes as they stand in the table of a disk; `None` as in [`PartitionId::new`].
    pub fn from_disk(bytes: [u8; 16]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let mut written = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
        for (to, from) in written.iter_mut().skip(8).zip(rest) {
            *to = from;
        }
        Self::new(written)
    }
}

impl FromStr for PartitionId {
    type Err = PartitionIdError;

    fn from_str(text: &str) -> Result<Self, PartitionIdError> {
        let mut bytes = [0_u8; 16];
        let digits = text.bytes().filter(|byte| *byte != b'-');
        for (place, digit) in digits.enumerate() {
            let value = match digit {
                b'0'..=b'9' => digit.wrapping_sub(b'0'),
                b'a'..=b'f' => digit.wrapping_sub(b'a').wrapping_add(10),
                _ => return Err(PartitionIdError),
            };
            let byte = bytes.get_mut(place >> 1).ok_or(PartitionIdError)?;
            *byte = *byte << 4 | value;
        }
        // One spelling: every digit and every dash in its place.
        let id = Self::new(bytes).ok_or(PartitionIdError)?;
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(PartitionIdError)
        }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if DASHES.contains(&place) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
        let id: PartitionId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        for other in [
            "",
            "-",
            "00000000-0000-0000-0000-000000000000",
            &text.to_uppercase(),
            &text.replace('-', ""),
            &format!("{text}0"),
            &text[1..],
            &format!("4-{}", &text[1..]),
            "4f68bce3e-8cd-4db1-96e7-fbcaf984b709",
            "4f68bce3-e8cd-4db1-96e7-fbcaf984b70g",
        ] {
            assert_eq!(
                other.parse::<PartitionId>(),
                Err(PartitionIdError),
                "{other}"
            );
        }
    }

    #[test]
    fn on_disk_the_first_groups_are_turned_round() {
        let bytes: [u8; 16] = *b"\xe3\xbc\x68\x4f\xcd\xe8\xb1\x4d\x96\xe7\xfb\xca\xf9\x84\xb7\x09";
        let id = PartitionId::from_disk(bytes).unwrap();
        assert_eq!(id.to_string(), "4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
        assert_eq!(PartitionId::from_disk([0; 16]), None);
    }
}
