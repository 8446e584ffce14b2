//! As much of DER (ITU-T X.690) as a signature needs.

/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub(super) const OCTETS: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;
/// SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// SET.
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// A value with its tag and length around the parts.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts
        .iter()
        .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes();
            let skip = bytes.iter().take_while(|byte| **byte == 0).count();
            let bytes = bytes.get(skip..).unwrap_or_default();
            // At most eight bytes of length.
            out.push(u8::try_from(bytes.len()).map_or(0x88, |count| 0x80 | count));
            out.extend_from_slice(bytes);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A value that was read.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    /// With tag and length.
    pub(super) whole: &'a [u8],
    /// Without them.
    pub(super) content: &'a [u8],
}

/// The first value, and what follows it; only the one shortest spelling of a length is taken.
pub(super) fn read(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            let length = digits.iter().try_fold(0_usize, |sum, digit| {
                sum.checked_mul(256)?.checked_add(usize::from(*digit))
            })?;
            if digits.first() == Some(&0) || length < 0x80 {
                return None;
            }
            (length, rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len().checked_sub(after.len())?)?;
    let tag = *tag;
    Some((
        Value {
            tag,
            whole,
            content,
        },
        after,
    ))
}

/// As [`read`], where the value has this tag.
pub(super) fn expect(bytes: &[u8], tag: u8) -> Option<(Value<'_>, &[u8])> {
    read(bytes).filter(|(value, _)| value.tag == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_spelling() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let bytes = value(OCTETS, &[&content]);
            let (read, rest) = read(&bytes).unwrap();
            assert_eq!(
                (read.tag, read.content, read.whole),
                (OCTETS, &*content, &*bytes)
            );
            assert!(rest.is_empty());
        }
        for bytes in [
            &b""[..],
            b"\x04",
            b"\x04\x01",
            b"\x04\x80\0\0",
            b"\x04\x81\x01\0",
            b"\x04\x82\0\x80",
            b"\x04\x85\0\0\0\0\0",
            b"\x04\xff",
        ] {
            assert!(read(bytes).is_none(), "{bytes:?}");
        }
    }
}
