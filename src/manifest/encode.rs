//! Writing entries as lines.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Entry;
use crate::tree::{Device, Kind};

/// Appends the line of `entry`, its line feed included.
pub(super) fn line(entry: &Entry, out: &mut Vec<u8>) {
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
    out.push(b'.');
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
    out.extend_from_slice(b" type=");
    out.extend_from_slice(kind_name.as_bytes());
    out.extend_from_slice(b" mode=");
    let digit = |shift: u32| b"01234567".get(octal_digit(mode.bits(), shift)).copied();
    out.extend([9, 6, 3, 0].into_iter().filter_map(digit));
    number(out, b" uid=", u64::from(*uid));
    number(out, b" gid=", u64::from(*gid));
    match kind {
        Kind::Regular(content) => {
            number(out, b" nlink=", u64::from(*links));
            number(out, b" size=", content.size);
            out.extend_from_slice(b" sha256=");
            out.extend_from_slice(&content.digest.to_hex());
        }
        Kind::Symlink(target) => {
            out.extend_from_slice(b" link=");
            vis(target, out);
        }
        Kind::BlockDevice(Device { major, minor }) | Kind::CharDevice(Device { major, minor }) => {
            put(out, format_args!(" device=native,{major},{minor}"));
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
    }
    out.extend_from_slice(b" tags=");
    if let Some(group) = group {
        put(out, format_args!("link:{group},"));
    }
    for (name, value) in xattrs {
        out.extend_from_slice(b"xattr:");
        escape(name, is_plain_in_name, out);
        put(out, format_args!(":{},", STANDARD.encode(value)));
    }
    put(out, format_args!("{origin}\n"));
}

/// Encodes bytes the way that vis(3) decodes: what is not plain becomes `\` and three octal digits.
fn vis(bytes: &[u8], out: &mut Vec<u8>) {
    escape(bytes, is_plain, out);
}

/// What is plain is copied in runs: mostly it is all there is.
fn escape(bytes: &[u8], plain: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(place) = rest.iter().position(|byte| !plain(*byte)) {
        let (run, others) = rest.split_at_checked(place).unwrap_or_default();
        out.extend_from_slice(run);
        let Some((byte, others)) = others.split_first() else {
            return;
        };
        put(out, format_args!("\\{byte:03o}"));
        rest = others;
    }
    out.extend_from_slice(rest);
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
fn number(out: &mut Vec<u8>, keyword: &[u8], number: u64) {
    out.extend_from_slice(keyword);
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
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

fn octal_digit(bits: u32, shift: u32) -> usize {
    usize::try_from(bits >> shift & 7).unwrap_or(0)
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    drop(out.write_fmt(text));
}
