//! CRC-32 as Ethernet has it (UEFI 2.10, section 5.3.2): against accidents, not against people.

/// What each byte comes to. An initrd looks at two tables of 16 KiB on each disk, again and again until its
/// own is there: bit by bit that shows.
const TABLE: [u32; 256] = table();

/// The CRC of `parts`, one after the other.
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        let [low, ..] = crc.to_le_bytes();
        let step = TABLE.get(usize::from(low ^ byte)).copied();
        crc = crc >> 8 ^ step.unwrap_or_default();
    }
    !crc
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte: u32 = 0;
    let mut rest: &mut [u32] = &mut table;
    while let Some((place, others)) = rest.split_first_mut() {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            let carry = (crc & 1).wrapping_neg() & 0xedb8_8320;
            crc = crc >> 1 ^ carry;
            bit += 1;
        }
        *place = crc;
        byte += 1;
        rest = others;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        assert_eq!(crc32(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[]), 0);
    }
}
