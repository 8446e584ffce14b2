//! Writing entries as lines, and comparing them with lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Entry;
use crate::tree::{Device, Kind};

/// Appends the line of `entry`, its line feed included.
pub(super) fn line(entry: &Entry, out: &mut Vec<u8>) {
    words(entry, out);
    out.push(b'\n');
}

/// Whether `line`, without its line feed, is what would be written for `entry`: compared piece by
/// piece, which costs no memory.
pub(super) fn is_line_of(entry: &Entry, line: &[u8]) -> bool {
    let mut rest = Rest(Some(line));
    words(entry, &mut rest);
    rest.0.is_some_and(<[u8]>::is_empty)
}

/// What takes the bytes of a line, one piece after the other.
trait Out {
    fn put(&mut self, bytes: &[u8]);
}

impl Out for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What has not come yet of the bytes that should; `None` once others came.
struct Rest<'a>(Option<&'a [u8]>);

impl Out for Rest<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.and_then(|rest| rest.strip_prefix(bytes));
    }
}

/// All words of the line.
fn words(entry: &Entry, out: &mut impl Out) {
    let Entry {
        path,
        mode,
        uid,
        gid,
        links,
        group,
        kind,
        xattrs,
        origin,
    } = entry;
    out.put(b".");
    if !path.is_root() {
        vis(path.as_bytes(), out);
    }
    let kind_name = match kind {
        Kind::BlockDevice(_) => "block",
        Kind::CharDevice(_) => "char",
        Kind::Directory => "dir",
        Kind::Fifo => "fifo",
        Kind::Regular(_) => "file",
        Kind::Socket => "socket",
        Kind::Symlink(_) => "link",
    };
    out.put(b" type=");
    out.put(kind_name.as_bytes());
    out.put(b" mode=");
    let bits = mode.bits();
    out.put(&[9, 6, 3, 0].map(|shift| b'0' | octal_digit(bits, shift)));
    number(out, b" uid=", u64::from(*uid));
    number(out, b" gid=", u64::from(*gid));
    match kind {
        Kind::Regular(content) => {
            number(out, b" nlink=", u64::from(*links));
            number(out, b" size=", content.size);
            out.put(b" sha256=");
            out.put(&content.digest.to_hex());
        }
        Kind::Symlink(target) => {
            out.put(b" link=");
            vis(target, out);
        }
        Kind::BlockDevice(Device { major, minor }) | Kind::CharDevice(Device { major, minor }) => {
            number(out, b" device=native,", u64::from(*major));
            number(out, b",", u64::from(*minor));
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
    }
    out.put(b" tags=");
    if let Some(group) = group {
        number(out, b"link:", u64::from(*group));
        out.put(b",");
    }
    for (name, value) in xattrs {
        out.put(b"xattr:");
        escape(name, is_plain_in_name, out);
        out.put(b":");
        out.put(STANDARD.encode(value).as_bytes());
        out.put(b",");
    }
    let (kind, name) = origin.parts();
    out.put(kind.as_bytes());
    out.put(b":");
    out.put(name.as_bytes());
}

/// Encodes bytes the way that vis(3) decodes: what is not plain becomes `\` and three octal digits.
fn vis(bytes: &[u8], out: &mut impl Out) {
    escape(bytes, is_plain, out);
}

/// What is plain is taken in runs: mostly it is all there is.
fn escape(bytes: &[u8], plain: impl Fn(u8) -> bool, out: &mut impl Out) {
    let mut rest = bytes;
    while let Some(place) = rest.iter().position(|byte| !plain(*byte)) {
        let (run, others) = rest.split_at_checked(place).unwrap_or_default();
        out.put(run);
        let Some((byte, others)) = others.split_first() else {
            return;
        };
        let digit = |shift| b'0' | octal_digit(u32::from(*byte), shift);
        out.put(&[b'\\', digit(6), digit(3), digit(0)]);
        rest = others;
    }
    out.put(rest);
}

/// Bytes of paths and link targets that stand for themselves.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'%' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'@' | b'_' | b'~'
        )
}

/// Bytes of attribute names that stand for themselves; `,` and `:` would end the name.
fn is_plain_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// Appends a keyword and a decimal number: millions of them make a manifest, which is why this is
/// not left to `write!`.
fn number(out: &mut impl Out, keyword: &[u8], number: u64) {
    out.put(keyword);
    let mut digits = [b'0'; 20];
    let mut rest = number;
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        // A remainder by ten always fits.
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.put(digits.get(digits.len() - count..).unwrap_or_default());
}

/// Three bits: 0 to 7.
fn octal_digit(bits: u32, shift: u32) -> u8 {
    u8::try_from(bits >> shift & 7).unwrap_or(0)
}
