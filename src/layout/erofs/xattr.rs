//! Extended attributes.

use super::ReadError;
use super::field::{u16_at, u32_at, wide};
use super::format::{XATTR_ENTRY_LEN, XATTR_HEAD_LEN, XATTR_NAMES};
use super::image::{BLOCK, Reader};
use super::inode::Inode;
use crate::limits;
use crate::tree::Xattrs;

impl Reader<'_> {
    /// Reads the attributes of an inode.
    ///
    /// # Errors
    /// One lies outside of the image, has a name that Linux does not show, or is there twice.
    pub fn xattrs(&mut self, inode: &Inode) -> Result<Xattrs, ReadError> {
        let mut xattrs = Xattrs::new();
        if inode.xattrs_len == 0 {
            return Ok(xattrs);
        }
        let mut body = vec![0; inode.xattrs_len];
        self.metadata(inode.xattrs, &mut body)?;
        let count = usize::from(body.get(4).copied().unwrap_or(0));
        let (head, mut rest) = count
            .checked_mul(4)
            .and_then(|length| body.split_at_checked(length.saturating_add(XATTR_HEAD_LEN)))
            .ok_or_else(|| inode.broken("its shared attributes are more than it has room for"))?;
        for id in head.get(XATTR_HEAD_LEN..).unwrap_or_default().as_chunks().0 {
            let start = u64::from(self.superblock().xattr_block).saturating_mul(wide(BLOCK));
            let at = u64::from(u32::from_le_bytes(*id)).saturating_mul(4);
            let at = start.saturating_add(at);
            let mut entry = vec![0; XATTR_ENTRY_LEN];
            self.metadata(at, &mut entry)?;
            entry.resize(length(&entry), 0);
            let (_, more) = entry.split_at_mut(XATTR_ENTRY_LEN);
            self.metadata(at.saturating_add(wide(XATTR_ENTRY_LEN)), more)?;
            add(inode, &entry, &mut xattrs)?;
        }
        while !rest.is_empty() {
            let padded = length(rest).next_multiple_of(4);
            let (entry, others) = rest
                .split_at_checked(padded)
                .ok_or_else(|| inode.broken("an attribute is longer than its room"))?;
            add(inode, entry, &mut xattrs)?;
            rest = others;
        }
        Ok(xattrs)
    }
}

/// The length of the attribute that starts there, padding not counted.
fn length(entry: &[u8]) -> usize {
    let name = usize::from(entry.first().copied().unwrap_or(0));
    XATTR_ENTRY_LEN
        .saturating_add(name)
        .saturating_add(usize::from(u16_at(entry, 2)))
}

fn add(inode: &Inode, entry: &[u8], xattrs: &mut Xattrs) -> Result<(), ReadError> {
    let [name_len, index, ..] = u32_at(entry, 0).to_le_bytes();
    let (_, prefix) = XATTR_NAMES
        .iter()
        .find(|(number, _)| *number == index)
        .ok_or_else(|| inode.broken("an attribute is of a namespace that is not known"))?;
    let end = XATTR_ENTRY_LEN.saturating_add(usize::from(name_len));
    let rest = entry.get(XATTR_ENTRY_LEN..end).unwrap_or_default();
    let value = entry.get(end..length(entry)).unwrap_or_default();
    if rest.is_empty() == prefix.ends_with(b".") || rest.contains(&0) {
        return Err(inode.broken("an attribute's name is none"));
    }
    if xattrs.len() >= limits::XATTRS_MAX {
        return Err(inode.broken("it has more attributes than an image may have"));
    }
    match xattrs.insert([*prefix, rest].concat(), value.to_vec()) {
        None => Ok(()),
        Some(_) => Err(inode.broken("it has an attribute twice")),
    }
}
