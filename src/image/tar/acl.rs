//! POSIX ACLs: the kernel's bytes and the text that tar programs exchange.

use std::fmt::Write as _;

use crate::tree::Xattrs;

/// The two attributes that hold ACLs, with the pax records that say the same as text.
pub(super) const KEYS: [(&[u8], &[u8]); 2] = [
    (b"system.posix_acl_access", b"SCHILY.acl.access"),
    (b"system.posix_acl_default", b"SCHILY.acl.default"),
];

/// Linux' `POSIX_ACL_XATTR_VERSION`.
const VERSION: [u8; 4] = 2_u32.to_le_bytes();

/// An ACL as acl(5) writes it, numeric, entries joined by commas; `None` where the bytes are not
/// those of `linux/posix_acl_xattr.h`.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let entries = bytes.strip_prefix(&VERSION)?;
    if entries.is_empty() || entries.len() % 8 != 0 {
        return None;
    }
    let mut text = String::new();
    for entry in entries.chunks_exact(8) {
        let &[tag, 0, permissions @ 0..=7, 0, a, b, c, d] = entry else {
            return None;
        };
        let id = u32::from_le_bytes([a, b, c, d]);
        if !text.is_empty() {
            text.push(',');
        }
        match tag {
            0x01 => text.push_str("user::"),
            0x02 => write!(text, "user:{id}:").ok()?,
            0x04 => text.push_str("group::"),
            0x08 => write!(text, "group:{id}:").ok()?,
            0x10 => text.push_str("mask::"),
            0x20 => text.push_str("other::"),
            _ => return None,
        }
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            text.push(if permissions & bit == 0 { '-' } else { letter });
        }
    }
    Some(text)
}

/// Whether the text of an ACL record says what the attribute of the same entry says; a text
/// without an attribute does not.
pub(super) fn agrees(xattrs: &Xattrs, attribute: &[u8], record: &[u8]) -> bool {
    let Some(ours) = xattrs.get(attribute).and_then(|bytes| text(bytes)) else {
        return false;
    };
    ours.as_bytes() == record
}
