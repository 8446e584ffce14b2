//! The files of a root, out of its EROFS image, without mounting it.

use std::collections::BTreeMap;
use std::num::NonZero;

use super::trouble::Trouble;
use crate::appraise::{Evidence, InodeKey, Observed, ObservedContent, ObservedKind};
use crate::digest::{Digest, Hasher};
use crate::layout::erofs::{Image, Inode, Kind, ReadError, Reader};
use crate::layout::{Source, SourceError};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::Xattrs;

/// Why an image's files cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Files of more bytes than are read of one image.
    #[error("its files have more than {} bytes", limits::IMAGE_TAR_MAX)]
    Contents,
    /// It is malformed, or of a form that is not read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Trouble for RootError {
    fn source(self) -> Result<SourceError, Self> {
        match self {
            Self::Read(ReadError::Source(error)) => Ok(error),
            error => Err(error),
        }
    }
}

/// All that an image holds, every file hashed, on `threads` threads.
///
/// # Errors
/// The image is malformed, ambiguous, or of a form that is not read; or its files have more than
/// [`limits::IMAGE_TAR_MAX`] bytes.
pub fn evidence(source: &dyn Source, threads: NonZero<usize>) -> Result<Evidence, RootError> {
    let image = Image::open(source)?;
    let mut entries = Vec::new();
    let mut files: Vec<(usize, Inode)> = Vec::new();
    // Of inodes with several names: what stands with the first one alone.
    let mut linked: BTreeMap<u64, (usize, Xattrs)> = BTreeMap::new();
    let mut later: Vec<(usize, usize)> = Vec::new();
    let mut bytes = 0_u64;
    let mut walk = image.reader().walk();
    while let Some(entry) = walk.next()? {
        let (inode, place) = (entry.inode, entries.len());
        let is_file = inode.kind == Kind::Regular;
        let mut xattrs = entry.xattrs;
        match linked.get(&inode.nid) {
            Some((first, of_first)) => {
                xattrs = of_first.clone();
                later.push((place, *first));
            }
            None if is_file => {
                bytes = bytes.saturating_add(inode.size);
                if bytes > limits::IMAGE_TAR_MAX {
                    return Err(RootError::Contents);
                }
                files.push((place, inode));
            }
            None => {}
        }
        let is_directory = inode.kind == Kind::Directory;
        if inode.links > 1 && !is_directory && entry.is_first {
            linked.insert(inode.nid, (place, xattrs.clone()));
        }
        entries.push(Observed {
            path: entry.path,
            mode: inode.stat.mode,
            uid: inode.stat.uid,
            gid: inode.stat.gid,
            kind: kind(&inode, entry.target),
            // A directory's links are its own and those of what is below it.
            links: if is_directory { 1 } else { inode.links.into() },
            inode: InodeKey(0, inode.nid),
            xattrs: Some(xattrs),
        });
    }
    let hashes = image.each(&files, threads, |reader, (place, inode)| {
        Ok((*place, hash(reader, inode)?))
    });
    for (place, digest) in hashes? {
        if let Some(ObservedKind::Regular(content)) = entries.get_mut(place).map(|it| &mut it.kind)
        {
            content.digest = Some(digest);
        }
    }
    for (place, first) in later {
        let same = entries.get(first).map(|it| it.kind.clone());
        if let (Some(entry), Some(kind)) = (entries.get_mut(place), same) {
            entry.kind = kind;
        }
    }
    Ok(Evidence::of_image(entries))
}

/// The bytes of the regular file at `path`, no links followed; `None` where there is none of at most
/// `cap` bytes.
///
/// # Errors
/// What leads there is malformed.
pub fn file(source: &dyn Source, path: &ImagePath, cap: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let image = Image::open(source)?;
    let mut reader = image.reader();
    let mut parent = u64::from(image.superblock().root);
    let mut inode = reader.inode(parent)?;
    for name in path.components() {
        if inode.kind != Kind::Directory {
            return Ok(None);
        }
        let entries = reader.entries(&inode, parent, limits::MANIFEST_MAX)?;
        let found = entries.binary_search_by(|entry| (*entry.name).cmp(name));
        let Some(entry) = found.ok().and_then(|at| entries.get(at)) else {
            return Ok(None);
        };
        parent = inode.nid;
        inode = reader.inode(entry.nid)?;
    }
    if inode.kind != Kind::Regular || inode.size > cap {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    reader.content(&inode, &mut |some| bytes.extend_from_slice(some))?;
    Ok(Some(bytes))
}

fn kind(inode: &Inode, target: Vec<u8>) -> ObservedKind {
    match inode.kind {
        Kind::BlockDevice(device) => ObservedKind::BlockDevice(device),
        Kind::CharDevice(device) => ObservedKind::CharDevice(device),
        Kind::Directory => ObservedKind::Directory,
        Kind::Fifo => ObservedKind::Fifo,
        Kind::Regular => ObservedKind::Regular(ObservedContent {
            size: inode.size,
            digest: None,
            prefix: None,
        }),
        Kind::Socket => ObservedKind::Socket,
        Kind::Symlink => ObservedKind::Symlink(Some(target)),
    }
}

fn hash(reader: &mut Reader<'_>, inode: &Inode) -> Result<Digest, ReadError> {
    let mut hasher = Hasher::new();
    reader.content(inode, &mut |bytes| hasher.update(bytes))?;
    Ok(hasher.finish())
}
