//! What a rule changes in a tree.

use std::fmt;

use super::{Root, RuleId, Stated, TreeView, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::tree::{
    Blobs, Inode, Kind, MemoryBlobs, Mode, Open, Origin, Stat, Tree, TreeError, Xattrs,
};

/// A tree that a rule changes: everything that it touches gets the rule's origin, and what
/// `[[files]]` of the template wrote is left as it is.
pub struct Edit<'a> {
    tree: &'a mut Tree<Open>,
    new: &'a mut MemoryBlobs,
    blobs: &'a dyn Blobs,
    rule: &'a RuleId,
    stated: Option<&'a Stated>,
    wrote: Vec<ImagePath>,
    conflicts: Vec<String>,
    force: bool,
}

impl fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit")
            .field("rule", &self.rule)
            .field("wrote", &self.wrote)
            .field("conflicts", &self.conflicts)
            .finish_non_exhaustive()
    }
}

/// Mode and owner of something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The mode.
    pub mode: Mode,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Owned {
    /// Of root.
    pub const fn root(mode: Mode) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
        }
    }
}

/// Why a rule cannot change a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A directory stands where the rule has a file.
    #[error("{}: a directory stands there, where the rule has a file", Escaped(.0.as_bytes()))]
    Directory(ImagePath),
    /// A parent leads through something that is no directory.
    #[error("{}: its parent leads through something that is no directory", Escaped(.0.as_bytes()))]
    Parent(ImagePath),
    /// The rule asks for something that cannot be.
    #[error("{0}")]
    Rule(String),
    /// The tree refuses it.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Something that must be known first cannot be looked at.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl<'a> Edit<'a> {
    /// Changes of `rule` to `tree`. Bytes of the tree are in `blobs`, new ones go into `new`.
    pub(super) fn new(
        tree: &'a mut Tree<Open>,
        new: &'a mut MemoryBlobs,
        blobs: &'a dyn Blobs,
        rule: &'a RuleId,
        stated: Option<&'a Stated>,
    ) -> Self {
        Self {
            tree,
            new,
            blobs,
            rule,
            stated,
            wrote: Vec::new(),
            conflicts: Vec::new(),
            force: false,
        }
    }

    /// An edit that changes whatever is there, as somebody by hand would.
    #[cfg(test)]
    pub(super) fn by_hand(mut self) -> Self {
        self.force = true;
        self
    }

    /// Whose changes these are.
    pub fn rule(&self) -> &RuleId {
        self.rule
    }

    /// Lets `look` see the tree as it stands now.
    pub fn look<T>(&self, look: impl FnOnce(&Root<'_>) -> T) -> T {
        let view = TreeView::layered(self.tree, &*self.new, self.blobs);
        look(&Root::new(&view, self.stated))
    }

    /// The bytes of the regular file that `path` leads to; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, EditError> {
        Ok(self.look(|root| root.read(path))?)
    }

    /// As [`Edit::read`], as text; `None` also where the file is not UTF-8.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self, path: &ImagePath) -> Result<Option<String>, EditError> {
        Ok(self
            .read(path)?
            .and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Notes that the template states otherwise, and is left alone.
    pub fn conflict(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.conflicts.contains(&what) {
            self.conflicts.push(what);
        }
    }

    /// Puts a file with these bytes, mode and owner at `path`, in the place of a file or link there.
    ///
    /// # Errors
    /// A directory stands there, or there can be no parent.
    pub fn put(&mut self, path: &ImagePath, bytes: Vec<u8>, owned: Owned) -> Result<(), EditError> {
        let content = crate::tree::Content::of(&bytes);
        self.put_kind(path, Kind::Regular(content), owned)?;
        self.new.add(bytes);
        Ok(())
    }

    /// Puts a symbolic link at `path`, in the place of a file or link there.
    ///
    /// # Errors
    /// As [`Edit::put`].
    pub fn link(&mut self, path: &ImagePath, target: &str) -> Result<(), EditError> {
        let kind = Kind::Symlink(target.as_bytes().to_vec());
        self.put_kind(path, kind, Owned::root(Mode::SYMLINK))
    }

    /// Makes `path` a directory with this mode and owner; one that is there keeps what it holds.
    ///
    /// # Errors
    /// As [`Edit::put`].
    pub fn directory(&mut self, path: &ImagePath, owned: Owned) -> Result<(), EditError> {
        self.put_kind(path, Kind::Directory, owned)
    }

    /// Gives the file that `path` leads to other bytes; mode, owner and attributes stay. Where there
    /// is none, a new one of root with mode 0644 is made.
    ///
    /// # Errors
    /// As [`Edit::put`].
    pub fn edit(&mut self, path: &ImagePath, bytes: Vec<u8>) -> Result<(), EditError> {
        let found = self.tree.resolve(path);
        let old = found.as_ref().and_then(|place| self.tree.get(place));
        let (Some(place), Some(old)) = (found.clone(), old.cloned()) else {
            return self.put(path, bytes, Owned::root(Mode::FILE));
        };
        let content = crate::tree::Content::of(&bytes);
        match old.kind {
            Kind::Regular(stands) if stands == content => return Ok(()),
            Kind::Regular(_) => {}
            _ => return Err(EditError::Directory(place)),
        }
        if self.is_the_templates(&place) {
            return Ok(());
        }
        let inode = Inode {
            stat: Stat {
                mtime: self.tree.epoch().seconds(),
                ..old.stat
            },
            kind: Kind::Regular(content),
            xattrs: old.xattrs,
            origin: self.origin(&old.origin),
        };
        self.new.add(bytes);
        // In the place of the old one: a hard link to it keeps the old bytes.
        self.tree.replace(place.clone(), inode)?;
        self.note(place);
        Ok(())
    }

    /// Gives what stands at `path` itself (links in its parents are followed) another mode and owner. All its hard links change with it.
    ///
    /// # Errors
    /// There is nothing.
    pub fn own(&mut self, path: &ImagePath, owned: Owned) -> Result<(), EditError> {
        let path = &self.locate(path)?;
        let Some(old) = self.tree.get(path) else {
            return Err(TreeError::NotFound(path.clone()).into());
        };
        let stands = (old.stat.mode, old.stat.uid, old.stat.gid);
        let is_link = matches!(old.kind, Kind::Symlink(_));
        let origin = self.origin(&old.origin);
        if stands == (owned.mode, owned.uid, owned.gid) || self.is_the_templates(path) {
            return Ok(());
        }
        if let Some(inode) = self.tree.get_mut(path) {
            if !is_link {
                inode.stat.mode = owned.mode;
            }
            inode.stat.uid = owned.uid;
            inode.stat.gid = owned.gid;
            inode.origin = origin;
        }
        self.note(path.clone());
        Ok(())
    }

    /// Gives what stands at `path` itself an extended attribute, as somebody by hand would.
    #[cfg(test)]
    pub(super) fn set_xattr(&mut self, path: &ImagePath, name: &[u8], value: &[u8]) {
        if let Some(inode) = self.tree.get_mut(path) {
            inode.xattrs.insert(name.to_vec(), value.to_vec());
        }
    }

    /// Says who put there what stands at `path` itself.
    #[cfg(test)]
    pub(super) fn set_origin(&mut self, path: &ImagePath, origin: Origin) {
        if let Some(inode) = self.tree.get_mut(path) {
            inode.origin = origin;
        }
    }

    /// Removes an extended attribute of what stands at `path` itself.
    ///
    /// # Errors
    /// There is nothing at `path`.
    pub fn remove_xattr(&mut self, path: &ImagePath, name: &[u8]) -> Result<(), EditError> {
        let path = &self.locate(path)?;
        let Some(old) = self.tree.get(path) else {
            return Err(TreeError::NotFound(path.clone()).into());
        };
        let has = old.xattrs.contains_key(name);
        let origin = self.origin(&old.origin);
        if !has || self.is_the_templates(path) {
            return Ok(());
        }
        if let Some(inode) = self.tree.get_mut(path) {
            inode.xattrs.remove(name);
            inode.origin = origin;
        }
        self.note(path.clone());
        Ok(())
    }

    /// Removes what stands at `path` itself, with all below it; nothing there is no error.
    ///
    /// # Errors
    /// It is the root.
    pub fn remove(&mut self, path: &ImagePath) -> Result<(), EditError> {
        let path = &self.locate(path)?;
        if self.tree.get(path).is_none() || self.is_the_templates(path) {
            return Ok(());
        }
        self.tree.remove(path)?;
        self.note(path.clone());
        Ok(())
    }

    /// What was changed, in bytewise order, and what was left alone.
    pub(super) fn finish(mut self) -> (Vec<ImagePath>, Vec<String>) {
        self.wrote.sort();
        self.wrote.dedup();
        (self.wrote, self.conflicts)
    }

    fn put_kind(&mut self, path: &ImagePath, kind: Kind, owned: Owned) -> Result<(), EditError> {
        let place = self.locate(path)?;
        let old = self.tree.get(&place);
        if let Some(old) = old {
            let same = old.kind == kind
                && (old.stat.mode, old.stat.uid, old.stat.gid)
                    == (owned.mode, owned.uid, owned.gid);
            if same {
                return Ok(());
            }
            if old.kind == Kind::Directory && kind != Kind::Directory {
                return Err(EditError::Directory(place));
            }
        }
        let origin = old.map_or_else(|| self.rule.origin(), |old| self.origin(&old.origin));
        if self.is_the_templates(&place) {
            return Ok(());
        }
        if let Some(parent) = place.parent() {
            self.tree.make_dirs(&parent, &self.rule.origin())?;
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
            origin,
        };
        self.tree.replace(place.clone(), inode)?;
        self.note(place);
        Ok(())
    }

    fn note(&mut self, path: ImagePath) {
        self.wrote.push(path);
    }

    /// Whether `[[files]]` of the template wrote what stands at `path`; the conflict is then noted.
    fn is_the_templates(&mut self, path: &ImagePath) -> bool {
        let files = Origin::Template("files".to_owned());
        let is = !self.force
            && self
                .tree
                .get(path)
                .is_some_and(|inode| inode.origin == files);
        if is {
            let shown = Escaped(path.as_bytes());
            self.conflict(format!(
                "{shown}: [[files]] of the template wrote it, and wins"
            ));
        }
        is
    }

    /// The origin of what this rule has changed: a file of several rules names them all.
    fn origin(&self, old: &Origin) -> Origin {
        match old {
            Origin::Rule(ids) if ids.split('+').any(|id| id == self.rule.as_str()) => old.clone(),
            Origin::Rule(ids) => Origin::Rule(format!("{ids}+{}", self.rule)),
            _ => self.rule.origin(),
        }
    }

    /// Where `path` stands once links in its parents are followed; its parents may be missing.
    fn locate(&self, path: &ImagePath) -> Result<ImagePath, EditError> {
        let located = self.tree.locate(path);
        located.ok_or_else(|| EditError::Parent(path.clone()))
    }
}
