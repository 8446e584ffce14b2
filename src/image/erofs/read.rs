//! From an image to a tree.

use std::collections::BTreeMap;
use std::num::NonZero;

use super::ErofsError;
use crate::digest::Hasher;
use crate::layout::Source;
use crate::layout::erofs::{self, Entry, Image, ReadError, Reader};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Content, Epoch, Inode, InodeId, Kind, MemoryBlobs, Open, Origin, Tree};

/// Says which files' contents to keep, by path and size.
type Keep<'a> = &'a mut dyn FnMut(&ImagePath, u64) -> bool;

/// Reads a whole image as a tree, hashing every file on `threads` threads.
///
/// Every inode gets `origin`, since images do not know it. The contents of files that `keep`
/// chooses (by path and size) are given too, in memory: bound what you keep.
///
/// # Errors
/// The image is malformed, ambiguous, or of a form that is not read; or its files have more than
/// [`limits::IMAGE_TAR_MAX`] bytes.
pub fn read(
    source: &dyn Source,
    epoch: Epoch,
    origin: &Origin,
    keep: Keep<'_>,
    threads: NonZero<usize>,
) -> Result<(Tree<Open>, MemoryBlobs), ErofsError> {
    let image = Image::open(source)?;
    let mut entries = Vec::new();
    let mut files = Vec::new();
    let mut bytes = 0_u64;
    let mut walk = image.reader().walk();
    while let Some(entry) = walk.next()? {
        if entry.is_first && entry.inode.kind == erofs::Kind::Regular {
            bytes = bytes.saturating_add(entry.inode.size);
            if bytes > limits::IMAGE_TAR_MAX {
                return Err(ErofsError::Contents);
            }
            files.push(File {
                inode: entry.inode,
                is_kept: keep(&entry.path, entry.inode.size),
            });
        }
        entries.push(entry);
    }
    let mut kept = MemoryBlobs::new();
    let mut contents = BTreeMap::new();
    for (nid, content, bytes) in image.each(&files, threads, hash)? {
        contents.insert(nid, content);
        if let Some(bytes) = bytes {
            kept.add(bytes);
        }
    }
    Ok((tree(entries, &contents, epoch, origin)?, kept))
}

struct File {
    inode: erofs::Inode,
    is_kept: bool,
}

type Hashed = (u64, Content, Option<Vec<u8>>);

/// Reads and hashes a file.
fn hash(reader: &mut Reader<'_>, file: &File) -> Result<Hashed, ReadError> {
    let mut hasher = Hasher::new();
    let mut kept = file.is_kept.then(Vec::new);
    reader.content(&file.inode, &mut |bytes| {
        hasher.update(bytes);
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(bytes);
        }
    })?;
    let content = Content {
        size: file.inode.size,
        digest: hasher.finish(),
    };
    Ok((file.inode.nid, content, kept))
}

fn tree(
    entries: Vec<Entry>,
    contents: &BTreeMap<u64, Content>,
    epoch: Epoch,
    origin: &Origin,
) -> Result<Tree<Open>, ErofsError> {
    let mut tree = Tree::new(epoch);
    let mut linked: BTreeMap<u64, InodeId> = BTreeMap::new();
    for entry in entries {
        let nid = entry.inode.nid;
        if let Some(id) = linked.get(&nid) {
            tree.link(entry.path, *id)?;
            continue;
        }
        let empty = Content::of(&[]);
        let kind = match entry.inode.kind {
            erofs::Kind::BlockDevice(device) => Kind::BlockDevice(device),
            erofs::Kind::CharDevice(device) => Kind::CharDevice(device),
            erofs::Kind::Directory => Kind::Directory,
            erofs::Kind::Fifo => Kind::Fifo,
            erofs::Kind::Regular => Kind::Regular(contents.get(&nid).copied().unwrap_or(empty)),
            erofs::Kind::Socket => Kind::Socket,
            erofs::Kind::Symlink => Kind::Symlink(entry.target),
        };
        let inode = Inode {
            stat: entry.inode.stat,
            kind,
            xattrs: entry.xattrs,
            origin: origin.clone(),
        };
        let id = tree.replace(entry.path, inode)?;
        if entry.inode.links > 1 {
            linked.insert(nid, id);
        }
    }
    Ok(tree)
}
