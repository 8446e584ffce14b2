//! A kernel image: which release it is.

/// Where Linux' boot protocol for x86 keeps `HdrS` (Documentation/arch/x86/boot.rst).
const X86_MAGIC: std::ops::Range<usize> = 0x202..0x206;
/// `kernel_version`: where its text stands, less 0x200.
const X86_VERSION: std::ops::Range<usize> = 0x20e..0x210;
/// What `/proc/version` begins with, in images that are not compressed: arm64's.
const BANNER: &[u8] = b"Linux version ";
/// Longest release: `utsname` has 65 bytes; with room.
const RELEASE_MAX: usize = 255;

/// The release that a kernel image names: what `uname -r` will say. `None` where it names none.
pub fn release(kernel: &[u8]) -> Option<&str> {
    if kernel.get(X86_MAGIC) == Some(b"HdrS") {
        let at: [u8; 2] = kernel.get(X86_VERSION)?.try_into().ok()?;
        let at = usize::from(u16::from_le_bytes(at)).checked_add(0x200)?;
        return word(kernel.get(at..)?);
    }
    // The banner stands there once with a release, and in its format string with `%s`.
    let mut rest = kernel;
    while let Some(at) = find(rest, BANNER) {
        rest = rest.get(at.checked_add(BANNER.len())?..)?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return word(rest);
        }
    }
    None
}

/// Is it one word of printable characters that a section and a path can hold?
pub(super) fn is_release(text: &str) -> bool {
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    graphic && !text.is_empty() && text.len() <= RELEASE_MAX
}

/// The text up to the first blank or NUL.
fn word(bytes: &[u8]) -> Option<&str> {
    let bytes = bytes.get(..bytes.len().min(RELEASE_MAX + 1))?;
    let end = bytes.iter().position(|byte| matches!(byte, b' ' | 0))?;
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    is_release(text).then_some(text)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_both_kinds() {
        let mut x86 = vec![0; 0x400];
        x86[X86_MAGIC].copy_from_slice(b"HdrS");
        x86[X86_VERSION].copy_from_slice(&[0x00, 0x01]);
        x86[0x300..0x30b].copy_from_slice(b"6.1.0-56 (d");
        assert_eq!(release(&x86), Some("6.1.0-56"));
        x86[X86_VERSION].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(release(&x86), None);

        let arm = b"..Linux version %s (..Linux version 6.12.1-arm64 (debian..";
        assert_eq!(release(arm), Some("6.12.1-arm64"));
        for none in [
            &b"Linux version "[..],
            b"Linux version 6",
            b"Linux version \x1b[2J ",
            b"",
        ] {
            assert_eq!(release(none), None);
        }
        let long = [b"Linux version ".as_slice(), &[b'6'; 300], b" "].concat();
        assert_eq!(release(&long), None);
    }
}
