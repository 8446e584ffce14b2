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
    put(
        out,
        format_args!(" type={kind_name} mode={mode} uid={uid} gid={gid}"),
    );
    match kind {
        Kind::Regular(content) => put(
            out,
            format_args!(
                " nlink={links} size={} sha256={}",
                content.size, content.digest
            ),
        ),
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

fn escape(bytes: &[u8], plain: fn(u8) -> bool, out: &mut Vec<u8>) {
    for byte in bytes {
        if plain(*byte) {
            out.push(*byte);
        } else {
            put(out, format_args!("\\{byte:03o}"));
        }
    }
}

/// Bytes of paths and link targets that stand for themselves.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"%+,-./:@_~".contains(&byte)
}

/// Bytes of attribute names that stand for themselves; `,` and `:` would end the name.
fn is_plain_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    drop(out.write_fmt(text));
}
