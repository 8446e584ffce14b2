//! From an archive to a tree.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::{Member, MemberKind, Reader, TarError};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Content, Epoch, Inode, Kind, MemoryBlobs, Open, Origin, Tree};

/// Says which files' contents to keep, by path and size.
pub(in crate::image) type Keep<'a> = &'a mut dyn FnMut(&ImagePath, u64) -> bool;

/// For [`read`]: no content is kept.
pub fn keep_nothing(_: &ImagePath, _: u64) -> bool {
    false
}

/// Reads a whole uncompressed archive as a tree, hashing every file.
///
/// Every inode gets `origin`, since archives do not know it. The contents of files that `keep`
/// chooses (by path and size) are given too, in memory: bound what you keep. Directories that the
/// archive implies but does not have are root's, with mode 0755.
///
/// The input is read to its end, so a hashing reader around it has seen all bytes.
///
/// # Errors
/// The archive is malformed, ambiguous (a path twice, data behind the end), or holds what an
/// image does not (sparse files, names with `..`).
pub fn read(
    input: impl Read,
    epoch: Epoch,
    origin: &Origin,
    keep: Keep<'_>,
) -> Result<(Tree<Open>, MemoryBlobs), TarError> {
    let mut assembly = Assembly::new(Tree::new(epoch), origin.clone());
    let mut reader = Reader::new(input);
    while let Some(member) = reader.next()? {
        assembly.add(member, &mut reader, keep)?;
    }
    Ok((assembly.tree, assembly.kept))
}

/// A tree that archives are laid over, one after the other.
#[derive(Debug)]
pub(in crate::image) struct Assembly {
    pub(in crate::image) tree: Tree<Open>,
    pub(in crate::image) kept: MemoryBlobs,
    origin: Origin,
    /// What the current archive named.
    named: BTreeSet<ImagePath>,
    /// How many further bytes of names, targets and attributes are taken into memory.
    left: u64,
}

impl Assembly {
    pub(in crate::image) fn new(tree: Tree<Open>, origin: Origin) -> Self {
        Self {
            tree,
            kept: MemoryBlobs::new(),
            origin,
            named: BTreeSet::new(),
            left: limits::MANIFEST_MAX,
        }
    }

    /// Forgets what was named: a next archive follows.
    pub(in crate::image) fn next_archive(&mut self) {
        self.named.clear();
    }

    /// Notes that the current archive named `path`.
    pub(in crate::image) fn name(&mut self, path: &ImagePath) -> Result<(), TarError> {
        if self.named.insert(path.clone()) {
            Ok(())
        } else {
            Err(TarError::Duplicate(path.clone()))
        }
    }

    /// Removes what earlier archives put at (`and_itself`) and below `top`; what the current one
    /// named stays, with the directories that hold it.
    pub(in crate::image) fn remove_earlier(
        &mut self,
        top: &ImagePath,
        and_itself: bool,
    ) -> Result<(), TarError> {
        let below: Vec<ImagePath> = self
            .tree
            .subtree(top)
            .map(|entry| entry.path.clone())
            .collect();
        let mut kept: BTreeSet<ImagePath> = BTreeSet::new();
        for path in below.iter().filter(|path| self.named.contains(*path)) {
            let mut at = Some(path.clone());
            while let Some(path) = at.filter(|path| path.is_within(top)) {
                at = path.parent();
                if !kept.insert(path) {
                    break;
                }
            }
        }
        for path in below {
            let spared = kept.contains(&path) || path == *top && !and_itself || path.is_root();
            // A directory that was removed took what it held along.
            if !spared && self.tree.id(&path).is_some() {
                self.tree.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Adds an entry, in the place of what an earlier archive had there.
    pub(in crate::image) fn add(
        &mut self,
        member: Member,
        reader: &mut Reader<impl Read>,
        keep: Keep<'_>,
    ) -> Result<(), TarError> {
        self.charge(&member)?;
        let path = member.path;
        self.name(&path)?;
        if let Some(parent) = path.parent() {
            self.tree.make_dirs(&parent, &self.origin)?;
        }
        let kind = match member.kind {
            MemberKind::BlockDevice(device) => Kind::BlockDevice(device),
            MemberKind::CharDevice(device) => Kind::CharDevice(device),
            MemberKind::Directory => Kind::Directory,
            MemberKind::Fifo => Kind::Fifo,
            MemberKind::HardLink(target) => return self.hard_link(path, target),
            MemberKind::Regular(size) => Kind::Regular(self.content(&path, size, reader, keep)?),
            MemberKind::Symlink(target) => Kind::Symlink(target),
        };
        let is_directory = kind == Kind::Directory;
        self.make_room(&path, is_directory)?;
        let inode = Inode {
            stat: member.stat,
            kind,
            xattrs: member.xattrs,
            origin: self.origin.clone(),
        };
        self.tree.replace(path, inode)?;
        Ok(())
    }

    /// Counts what an entry, and the directories that it implies, take in memory: an archive that
    /// compresses well could hold far more names and attributes than any manifest.
    fn charge(&mut self, member: &Member) -> Result<(), TarError> {
        let mut bytes = 2 * member.path.as_bytes().len();
        if let MemberKind::Symlink(target) = &member.kind {
            bytes += target.len();
        }
        for (name, value) in &member.xattrs {
            bytes += name.len() + value.len();
        }
        if let Some(parent) = member.path.parent()
            && self.tree.id(&parent).is_none()
        {
            bytes += parent.as_bytes().len() * parent.components().count();
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(bytes).ok_or(TarError::Metadata)?;
        Ok(())
    }

    fn hard_link(&mut self, path: ImagePath, target: ImagePath) -> Result<(), TarError> {
        let Some(id) = self.tree.id(&target).filter(|_| target != path) else {
            return Err(TarError::HardLink { path, target });
        };
        self.make_room(&path, false)?;
        if self.tree.id(&path).is_some() {
            self.tree.remove(&path)?;
        }
        // What was just removed may have held the target.
        if self.tree.id(&target).is_none() {
            return Err(TarError::HardLink { path, target });
        }
        self.tree.link(path, id)?;
        Ok(())
    }

    /// Nothing but a directory may take the place of a directory that this archive put something
    /// into: that would undo entries of the same archive.
    fn make_room(&self, path: &ImagePath, is_directory: bool) -> Result<(), TarError> {
        let is_now = self.tree.get(path).map(|inode| &inode.kind);
        if is_directory || is_now != Some(&Kind::Directory) {
            return Ok(());
        }
        let mut below = self.tree.subtree(path).skip(1);
        if below.any(|entry| self.named.contains(entry.path)) {
            return Err(TarError::Duplicate(path.clone()));
        }
        Ok(())
    }

    fn content(
        &mut self,
        path: &ImagePath,
        size: u64,
        reader: &mut Reader<impl Read>,
        keep: Keep<'_>,
    ) -> Result<Content, TarError> {
        if !keep(path, size) {
            return reader.content(&mut io::sink());
        }
        let mut bytes = Vec::new();
        let content = reader.content(&mut bytes)?;
        self.kept.add(bytes);
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Mode, Stat, Xattrs};

    fn member(path: &str, xattr: usize) -> Member {
        Member {
            path: ImagePath::parse(path).unwrap(),
            stat: Stat::root(Mode::FILE),
            xattrs: Xattrs::from([(b"user.x".to_vec(), vec![0; xattr])]),
            kind: MemberKind::Fifo,
        }
    }

    #[test]
    fn names_and_attributes_are_counted() {
        for (path, xattr) in [("/f".to_owned(), 2000), ("/d".repeat(40), 0)] {
            let tree = Tree::new(Epoch::new(0).unwrap());
            let mut assembly = Assembly::new(tree, Origin::Script("test".to_owned()));
            assembly.left = 1000;
            let mut reader = Reader::new(io::empty());
            let ok = assembly.add(member("/a", 100), &mut reader, &mut keep_nothing);
            assert!(ok.is_ok());
            let member = member(&path, xattr);
            let error = assembly.add(member, &mut reader, &mut keep_nothing);
            assert!(matches!(error, Err(TarError::Metadata)), "{path}");
        }
    }
}
