//! The tree with its bytes: reading, and putting things where a process in the image would.

use std::io::Read as _;

use crate::limits;
use crate::path::ImagePath;
use crate::tree::{
    Blobs, Content, Inode, Kind, Layered, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs,
};

use super::OverlayError;

/// A tree that is being changed.
pub(super) struct Canvas<'a> {
    tree: Tree<Open>,
    new: &'a mut MemoryBlobs,
    blobs: &'a dyn Blobs,
}

/// Mode and owner of something new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) mode: Mode,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Owned {
    pub(super) const fn root(mode: Mode) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
        }
    }
}

impl<'a> Canvas<'a> {
    pub(super) fn new(tree: Tree<Open>, new: &'a mut MemoryBlobs, blobs: &'a dyn Blobs) -> Self {
        Self { tree, new, blobs }
    }

    pub(super) fn tree(&self) -> &Tree<Open> {
        &self.tree
    }

    pub(super) fn into_tree(self) -> Tree<Open> {
        self.tree
    }

    /// The bytes of the regular file at `path`, links followed; `None` where there is none.
    pub(super) fn read(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, OverlayError> {
        match self.tree.content(path) {
            None => Ok(None),
            Some(content) => self.bytes(path, &content).map(Some),
        }
    }

    /// The bytes of `content`, which stands at `path`.
    pub(super) fn bytes(
        &self,
        path: &ImagePath,
        content: &Content,
    ) -> Result<Vec<u8>, OverlayError> {
        let failed = |reason: String| OverlayError::Read {
            path: path.clone(),
            reason,
        };
        if content.size > limits::OVERLAY_EDIT_MAX {
            let max = limits::OVERLAY_EDIT_MAX;
            return Err(failed(format!("larger than {max} bytes")));
        }
        let sources = Layered(&*self.new, self.blobs);
        let mut bytes = Vec::new();
        sources
            .open(content)
            .and_then(|reader| {
                reader
                    .take(content.size.saturating_add(1))
                    .read_to_end(&mut bytes)
            })
            .map_err(|error| failed(error.to_string()))?;
        if Content::of(&bytes) != *content {
            return Err(failed("its stored bytes are not the right ones".to_owned()));
        }
        Ok(bytes)
    }

    /// Where `path` stands once links in its parents are followed; missing parents are made.
    pub(super) fn place(
        &mut self,
        path: &ImagePath,
        origin: &Origin,
    ) -> Result<ImagePath, OverlayError> {
        let located = self.locate(path)?;
        if let Some(parent) = located.parent() {
            self.tree.make_dirs(&parent, origin)?;
        }
        Ok(located)
    }

    /// As [`Canvas::place`], without making anything.
    pub(super) fn locate(&self, path: &ImagePath) -> Result<ImagePath, OverlayError> {
        let located = self.tree.locate(path);
        located.ok_or_else(|| OverlayError::Parent(path.clone()))
    }

    /// Puts a regular file at `path`, in the place of a file or link there.
    pub(super) fn put_file(
        &mut self,
        path: &ImagePath,
        bytes: Vec<u8>,
        owned: Owned,
        origin: &Origin,
    ) -> Result<(), OverlayError> {
        let content = self.new.add(bytes);
        self.put(path, Kind::Regular(content), owned, origin)
    }

    /// Puts a symbolic link at `path`, in the place of a file or link there.
    pub(super) fn put_link(
        &mut self,
        path: &ImagePath,
        target: &str,
        origin: &Origin,
    ) -> Result<(), OverlayError> {
        self.put_owned_link(path, target, Owned::root(Mode::SYMLINK), origin)
    }

    /// As [`Canvas::put_link`], for another owner.
    pub(super) fn put_owned_link(
        &mut self,
        path: &ImagePath,
        target: &str,
        owned: Owned,
        origin: &Origin,
    ) -> Result<(), OverlayError> {
        let kind = Kind::Symlink(target.as_bytes().to_vec());
        self.put(path, kind, owned, origin)
    }

    /// Makes `path` a directory with this mode and owner; one that is there keeps what it holds.
    pub(super) fn put_directory(
        &mut self,
        path: &ImagePath,
        owned: Owned,
        origin: &Origin,
    ) -> Result<(), OverlayError> {
        // `/lib` is a link to a directory on merged systems: that directory is meant.
        let path = match self.tree.resolve(path) {
            Some(resolved) => resolved,
            None => path.clone(),
        };
        self.put(&path, Kind::Directory, owned, origin)
    }

    fn put(
        &mut self,
        path: &ImagePath,
        kind: Kind,
        owned: Owned,
        origin: &Origin,
    ) -> Result<(), OverlayError> {
        let place = self.place(path, origin)?;
        let there = self.tree.get(&place).map(|inode| &inode.kind);
        if there == Some(&Kind::Directory) && kind != Kind::Directory {
            return Err(OverlayError::Directory(place));
        }
        let inode = Inode {
            stat: Stat {
                mode: owned.mode,
                uid: owned.uid,
                gid: owned.gid,
                mtime: self.tree.epoch().seconds(),
            },
            kind,
            xattrs: Xattrs::new(),
            origin: origin.clone(),
        };
        self.tree.replace(place, inode)?;
        Ok(())
    }

    /// Gives the file at `path` other bytes; mode, owner and attributes stay. A hard link to it
    /// keeps the old bytes.
    pub(super) fn edit(
        &mut self,
        path: &ImagePath,
        bytes: Vec<u8>,
        origin: &Origin,
    ) -> Result<(), OverlayError> {
        let resolved = self.tree.resolve(path);
        let old = resolved
            .as_ref()
            .and_then(|path| self.tree.get(path))
            .cloned();
        let (Some(place), Some(old)) = (resolved, old) else {
            return self.put_file(path, bytes, Owned::root(Mode::FILE), origin);
        };
        let inode = Inode {
            stat: Stat {
                mtime: self.tree.epoch().seconds(),
                ..old.stat
            },
            kind: Kind::Regular(self.new.add(bytes)),
            xattrs: old.xattrs,
            origin: origin.clone(),
        };
        self.tree.replace(place, inode)?;
        Ok(())
    }

    /// Adds a copy of an inode of the tree at a new path.
    pub(super) fn copy(&mut self, path: &ImagePath, inode: Inode) -> Result<(), OverlayError> {
        self.tree.replace(path.clone(), inode)?;
        Ok(())
    }

    /// Removes what stands at `path`, with all below it; nothing there is no error.
    pub(super) fn remove(&mut self, path: &ImagePath) -> Result<(), OverlayError> {
        let place = self.locate(path)?;
        if self.tree.get(&place).is_some() {
            self.tree.remove(&place)?;
        }
        Ok(())
    }
}

/// A section of the template as an origin.
pub(super) fn origin(section: &str) -> Origin {
    Origin::Template(section.to_owned())
}

/// A path that this module writes out itself.
pub(super) fn fixed(path: &str) -> ImagePath {
    ImagePath::parse(path).unwrap_or_else(|_| ImagePath::root())
}
