//! Showing hostile bytes to people.

use std::fmt::{self, Write as _};

/// Bytes as text: printable UTF-8 as it is, everything else as `\n`-style, `\\` or `\xNN` escapes.
///
/// Control characters (C0, DEL, C1) and bidirectional overrides are escaped, so that a file name
/// can neither hide itself nor steer a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    _ if is_unsafe(character) => {
                        let mut buffer = [0; 4];
                        for byte in character.encode_utf8(&mut buffer).bytes() {
                            write!(f, "\\x{byte:02x}")?;
                        }
                    }
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn nothing_reaches_the_terminal_raw() {
        for (bytes, shown) in [
            (b"/etc/hosts".as_slice(), "/etc/hosts"),
            (b"a\nb\tc\\d", "a\\nb\\tc\\\\d"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
            ("\u{202e}cod.exe".as_bytes(), "\\xe2\\x80\\xaecod.exe"),
        ] {
            assert_eq!(Escaped(bytes).to_string(), shown);
        }
    }
}
