//! Directories.

use super::ReadError;
use super::field::{u16_at, u64_at};
use super::format::{DIRENT_LEN, FLAT_INLINE, FLAT_PLAIN};
use super::image::{BLOCK, Reader};
use super::inode::Inode;
use crate::limits;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirent {
    /// Its name.
    pub name: Box<[u8]>,
    /// Its inode.
    pub nid: u64,
    /// The type that the directory says it has.
    pub(super) kind: u8,
}

impl Reader<'_> {
    /// The entries of a directory in bytewise order, without `.` and `..`, which are checked.
    ///
    /// # Errors
    /// They are not sorted, so that Linux would not find some that it lists; `.` or `..` are missing
    /// or other directories; or a name is none. [`ReadError::Metadata`] where there are more bytes
    /// than `most`.
    pub fn entries(
        &mut self,
        inode: &Inode,
        parent: u64,
        most: u64,
    ) -> Result<Vec<Dirent>, ReadError> {
        if !matches!(inode.layout, FLAT_PLAIN | FLAT_INLINE) {
            return Err(inode.broken("a directory is stored in a way that is not supported"));
        }
        if inode.size > most {
            return Err(ReadError::Metadata);
        }
        let mut bytes = Vec::new();
        self.content(inode, &mut |more| bytes.extend_from_slice(more))?;
        let mut entries: Vec<Dirent> = Vec::new();
        for block in bytes.chunks(BLOCK) {
            split(inode, block, &mut entries)?;
        }
        if !entries.is_sorted_by(|one, next| one.name < next.name) {
            return Err(inode.broken("the names in a directory are not sorted"));
        }
        for (name, nid) in [(&b".."[..], parent), (b".", inode.nid)] {
            let found = entries.binary_search_by(|entry| (*entry.name).cmp(name));
            let entry = found.ok().map(|at| entries.remove(at));
            if entry.is_none_or(|entry| entry.nid != nid || entry.kind != 2) {
                return Err(inode.broken("a directory's . or .. is missing or another one"));
            }
        }
        Ok(entries)
    }
}

/// Adds the entries of a block.
fn split(inode: &Inode, block: &[u8], entries: &mut Vec<Dirent>) -> Result<(), ReadError> {
    let damaged = || inode.broken("a directory's entries do not fit their block");
    let first = usize::from(u16_at(block, 8));
    if first < DIRENT_LEN || first % DIRENT_LEN != 0 || first > block.len() {
        return Err(damaged());
    }
    let (heads, _) = block.split_at(first);
    let mut heads = heads.chunks(DIRENT_LEN).peekable();
    let mut start = first;
    while let Some(head) = heads.next() {
        let end = if let Some(next) = heads.peek() {
            usize::from(u16_at(next, 8))
        } else {
            // The last name ends with the block, or with a NUL.
            let rest = block.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| *byte == 0);
            start.saturating_add(length.unwrap_or(rest.len()))
        };
        let name = block.get(start..end).ok_or_else(damaged)?;
        let is_name = (1..=limits::NAME_MAX).contains(&name.len())
            && !name.contains(&0)
            && !name.contains(&b'/');
        if !is_name {
            return Err(inode.broken("a name in a directory is none"));
        }
        entries.push(Dirent {
            name: name.into(),
            nid: u64_at(head, 0),
            kind: head.get(10).copied().unwrap_or(0),
        });
        start = end;
    }
    // Nothing hides behind the last name.
    let rest = block.get(start..).unwrap_or_default();
    if rest.iter().any(|byte| *byte != 0) {
        return Err(damaged());
    }
    Ok(())
}
