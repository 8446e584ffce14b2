//! The unique ids of partitions, as text.

use crate::layout::Uuid;

/// Text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a partition is 8-4-4-4-12 lower-case hexadecimal digits, not all of them 0")]
pub struct PartitionIdError;

/// Reads the one spelling of an id.
pub(super) fn parse(text: &str) -> Result<Uuid, PartitionIdError> {
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
    // Every digit and every dash in its place.
    let id = Uuid::from_bytes(bytes);
    if id != Uuid::NIL && id.to_string() == text {
        Ok(id)
    } else {
        Err(PartitionIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
        assert_eq!(parse(text).unwrap().to_string(), text);
        for other in [
            "",
            "-",
            "00000000-0000-0000-0000-000000000000",
            &text.to_uppercase(),
            &text.replace('-', ""),
            &format!("{text}0"),
            &text[1..],
            "4f68bce3e-8cd-4db1-96e7-fbcaf984b709",
            "4f68bce3-e8cd-4db1-96e7-fbcaf984b70g",
        ] {
            assert_eq!(parse(other), Err(PartitionIdError), "{other}");
        }
    }
}
