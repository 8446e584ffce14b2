//! Directories: blocks that each hold entries, then their names.

use super::{BLOCK, wide};
use crate::layout::erofs::format::DIRENT_LEN;

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dirent<'a> {
    pub(super) name: &'a [u8],
    /// Which inode, by the number that the writer gives it.
    pub(super) inode: usize,
    /// Its type.
    pub(super) kind: u8,
}

/// The entries of each block, for entries in bytewise order of their names.
pub(super) fn blocks<'a, 'b>(entries: &'b [Dirent<'a>]) -> impl Iterator<Item = &'b [Dirent<'a>]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut length = 0;
        let fits = rest.iter().take_while(|entry| {
            length += DIRENT_LEN + entry.name.len();
            length <= BLOCK
        });
        let (block, others) = rest.split_at(fits.count());
        rest = others;
        (!block.is_empty()).then_some(block)
    })
}

/// How many bytes the directory has: all blocks whole but for the last.
pub(super) fn size(entries: &[Dirent<'_>]) -> u64 {
    let (mut size, mut last) = (0, 0);
    for block in blocks(entries) {
        size += last;
        last = wide(BLOCK);
        if block.last().map(|entry| entry.name) == entries.last().map(|entry| entry.name) {
            let lengths = block.iter().map(|entry| DIRENT_LEN + entry.name.len());
            last = wide(lengths.sum());
        }
    }
    size + last
}

/// The bytes of a block; `nid` gives the number that the image has for an inode.
pub(super) fn encode(block: &[Dirent<'_>], nid: impl Fn(usize) -> u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BLOCK);
    let mut offset = DIRENT_LEN * block.len();
    for entry in block {
        bytes.extend_from_slice(&nid(entry.inode).to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(offset).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&[entry.kind, 0]);
        offset += entry.name.len();
    }
    for entry in block {
        bytes.extend_from_slice(entry.name);
    }
    bytes
}
