//! LZ4 blocks (`lz4_Block_format.md` of lz4).

/// Unpacks a block that has `size` bytes unpacked, all of them new, into an empty `output`.
///
/// `None` where it is malformed, has another length, or anything follows.
pub(super) fn decode(input: &[u8], size: usize, output: &mut Vec<u8>) -> Option<()> {
    let mut rest = input;
    loop {
        let token = take(&mut rest, 1)?.first().copied()?;
        let literals = length(usize::from(token >> 4), &mut rest)?;
        let literals = take(&mut rest, literals)?;
        if literals.len() > size.checked_sub(output.len())? {
            return None;
        }
        output.extend_from_slice(literals);
        if rest.is_empty() {
            return (output.len() == size).then_some(());
        }
        let distance = usize::from(u16::from_le_bytes(*take(&mut rest, 2)?.first_chunk()?));
        let length = length(usize::from(token & 15), &mut rest)?.checked_add(4)?;
        if length > size.checked_sub(output.len())? || distance == 0 {
            return None;
        }
        let start = output.len().checked_sub(distance)?;
        // What repeats itself within its length is copied as often as it takes.
        let mut left = length;
        while left > 0 {
            let count = left.min(output.len().checked_sub(start)?);
            output.extend_from_within(start..start.checked_add(count)?);
            left = left.checked_sub(count)?;
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, others) = rest.split_at_checked(count)?;
    *rest = others;
    Some(taken)
}

/// A length whose first part is in the token: 15 says that bytes follow, the last one below 255.
fn length(first: usize, rest: &mut &[u8]) -> Option<usize> {
    let mut length = first;
    if first == 15 {
        loop {
            let byte = take(rest, 1)?.first().copied()?;
            length = length.checked_add(usize::from(byte))?;
            if byte != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_by_hand() {
        let decode = |input: &[u8], size| {
            let mut output = Vec::new();
            decode(input, size, &mut output).map(|()| output)
        };
        assert_eq!(decode(b"\x30abc", 3), Some(b"abc".to_vec()));
        // Two literals, then ten bytes from two bytes back, then five literals.
        let repeated = decode(b"\x26ab\x02\x00\x50vwxyz", 17);
        assert_eq!(repeated, Some(b"ababababababvwxyz".to_vec()));
        for (input, size) in [
            (&b""[..], 0),              // no token
            (b"\x30abc", 4),            // too short
            (b"\x30abc", 2),            // too long
            (b"\x30ab", 3),             // literals missing
            (b"\xf0\xff", 400),         // length without an end
            (b"\x10a\x00\x00\x10b", 6), // no distance
            (b"\x10a\x02\x00\x10b", 6), // before the start
            (b"\x10a\x01\x00", 5),      // ends with a match
        ] {
            assert_eq!(decode(input, size), None, "{input:?}");
        }
    }
}
