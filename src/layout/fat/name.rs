//! Names: eight letters and three, and longer ones (section 6 and 7).

/// Whether a long name has one meaning to every reader: ASCII, at most 255 letters, none that mean
/// something in a path, and no dot or space at its end, which some leave out.
pub(crate) fn is_long(name: &str) -> bool {
    let fine = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"*/:<>?\\|".contains(&byte);
    (1..=255).contains(&name.len())
        && name.bytes().all(fine)
        && !name.starts_with(' ')
        && !name.ends_with([' ', '.'])
}

/// Whether eleven bytes are a short name: upper case, no space but behind each part, something before the dot.
pub(crate) fn is_short(name: &[u8; 11]) -> bool {
    let (base, extension) = name.split_at(8);
    let part = |bytes: &[u8]| {
        let bytes = bytes.trim_ascii_end();
        bytes.iter().all(|byte| is_short_letter(*byte))
    };
    !base.starts_with(b" ") && part(base) && part(extension)
}

/// A letter of a short name.
pub(crate) fn is_short_letter(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'()-@^_`{}~".contains(&byte)
}

/// A short name with its dot; `lower` says which parts are shown in lower case: bit 3 what is before
/// the dot, bit 4 what is behind it (as Windows NT, Linux and EDK II have it).
pub(super) fn short_text(name: &[u8; 11], lower: u8) -> String {
    let (base, extension) = name.split_at(8);
    let part = |bytes: &[u8], bit: u8| {
        let bytes = bytes.trim_ascii_end();
        let case = |byte: &u8| {
            if lower & bit == 0 {
                *byte
            } else {
                byte.to_ascii_lowercase()
            }
        };
        bytes.iter().map(case).map(char::from).collect::<String>()
    };
    let (base, extension) = (part(base, 0x08), part(extension, 0x10));
    if extension.is_empty() {
        base
    } else {
        base + "." + &extension
    }
}

/// What ties the parts of a long name to its short name (section 7.2).
pub(crate) fn short_sum(name: &[u8; 11]) -> u8 {
    name.iter()
        .fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_have_one_meaning() {
        for name in ["a", "web_1.0.dsse.json", "a b", ".hidden", "+left-2.efi"] {
            assert!(is_long(name), "{name}");
        }
        let long = "n".repeat(256);
        for name in [
            "", "a/b", "a\\b", "a:", "\u{e9}", "a\n", "a.", "a ", " a", ".", "..", &long,
        ] {
            assert!(!is_long(name), "{name}");
        }
    }

    #[test]
    fn short_names() {
        assert!(is_short(b"BOOTX64 EFI"));
        assert!(is_short(b"A          "));
        for name in [
            b"bootx64 EFI",
            b" OOTX64 EFI",
            b"BO TX64 EFI",
            b"A       E I",
            b".          ",
        ] {
            assert!(!is_short(name));
        }
        assert_eq!(short_text(b"BOOTX64 EFI", 0), "BOOTX64.EFI");
        assert_eq!(short_text(b"BOOTX64 EFI", 0x08), "bootx64.EFI");
        assert_eq!(short_text(b"A       B  ", 0x18), "a.b");
        assert_eq!(short_text(b"A          ", 0x10), "A");
    }

    #[test]
    fn the_sum_of_the_specification() {
        // What mtools writes for `The quick brown.fox`.
        assert_eq!(short_sum(b"THEQUI~1FOX"), 0x07);
    }
}
