//! The tree itself: building, sealing, looking at it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Bound;

use super::{Content, Epoch, Inode, Kind, Mode, Origin, Stat, Xattrs};
use crate::limits;
use crate::path::ImagePath;

/// State of a tree that is still being built.
#[derive(Clone, Copy, Debug)]
pub enum Open {}

/// State of a tree whose rules were all checked.
#[derive(Clone, Copy, Debug)]
pub enum Sealed {}

/// Which inode of a tree; two paths with one id are hard links of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InodeId(usize);

/// A file tree.
#[derive(Clone, Debug)]
pub struct Tree<State> {
    epoch: Epoch,
    inodes: Vec<Inode>,
    paths: BTreeMap<ImagePath, InodeId>,
    state: PhantomData<State>,
}

/// One path of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The path.
    pub path: &'a ImagePath,
    /// Which inode it leads to.
    pub id: InodeId,
    /// The inode.
    pub inode: &'a Inode,
}

/// The rule that a tree, or a change to it, breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A hard link to a directory.
    #[error("{0}: a directory cannot have a second name")]
    DirectoryLink(ImagePath),
    /// A path stands there already.
    #[error("{0}: exists already")]
    Exists(ImagePath),
    /// The directory that should hold the path is missing or is no directory.
    #[error("{0}: its parent is not a directory of this tree")]
    NoParent(ImagePath),
    /// There is no such path.
    #[error("{0}: not in this tree")]
    NotFound(ImagePath),
    /// More paths than [`limits::TREE_ENTRIES_MAX`].
    #[error("more than {} paths", limits::TREE_ENTRIES_MAX)]
    TooManyEntries,
    /// A symbolic link with more than one mode, an empty or overlong target, or a NUL in it.
    #[error("{0}: a symbolic link has mode 0777 and a target of 1 to 4095 bytes without NUL")]
    Symlink(ImagePath),
    /// Too many or too large extended attributes.
    #[error("{0}: more than {max} extended attributes, or one over {size} bytes", max = limits::XATTRS_MAX, size = limits::XATTR_VALUE_MAX)]
    Xattrs(ImagePath),
}

impl Tree<Open> {
    /// A tree that holds `/` alone (mode 0755, root).
    pub fn new(epoch: Epoch) -> Self {
        let root = Inode {
            stat: Stat {
                mtime: epoch.seconds(),
                ..Stat::root(Mode::DIRECTORY)
            },
            kind: Kind::Directory,
            xattrs: Xattrs::new(),
            origin: Origin::Template("karat".to_owned()),
        };
        Self {
            epoch,
            inodes: vec![root],
            paths: BTreeMap::from([(ImagePath::root(), InodeId(0))]),
            state: PhantomData,
        }
    }

    /// Adds a new inode at a new path.
    ///
    /// # Errors
    /// The path exists, its parent does not, or the tree is full.
    pub fn insert(&mut self, path: ImagePath, inode: Inode) -> Result<InodeId, TreeError> {
        self.check_free(&path)?;
        let id = InodeId(self.inodes.len());
        self.inodes.push(inode);
        self.paths.insert(path, id);
        Ok(id)
    }

    /// Adds an inode, in the place of whatever is at `path`; a directory keeps what it holds only
    /// if a directory takes its place.
    ///
    /// # Errors
    /// The parent does not exist, or the tree is full.
    pub fn replace(&mut self, path: ImagePath, inode: Inode) -> Result<InodeId, TreeError> {
        match self.paths.get(path.as_bytes()).copied() {
            Some(id) if self.is_directory(id) && inode.kind == Kind::Directory => {
                if let Some(slot) = self.inodes.get_mut(id.0) {
                    *slot = inode;
                }
                Ok(id)
            }
            Some(_) if !path.is_root() => {
                self.remove(&path)?;
                self.insert(path, inode)
            }
            _ => self.insert(path, inode),
        }
    }

    /// Gives an inode that exists a further path.
    ///
    /// # Errors
    /// `path` exists, its parent does not, or the inode is a directory.
    pub fn link(&mut self, path: ImagePath, id: InodeId) -> Result<(), TreeError> {
        self.check_free(&path)?;
        if self.is_directory(id) {
            return Err(TreeError::DirectoryLink(path));
        }
        self.paths.insert(path, id);
        Ok(())
    }

    /// Removes a path and everything below it.
    ///
    /// # Errors
    /// There is no such path, or it is the root.
    pub fn remove(&mut self, path: &ImagePath) -> Result<(), TreeError> {
        if path.is_root() || !self.paths.contains_key(path.as_bytes()) {
            return Err(TreeError::NotFound(path.clone()));
        }
        let below: Vec<ImagePath> = self.subtree(path).map(|entry| entry.path.clone()).collect();
        for path in below {
            self.paths.remove(path.as_bytes());
        }
        Ok(())
    }

    /// The inode at `path`, to change it in place (all its hard links change with it).
    pub fn get_mut(&mut self, path: &ImagePath) -> Option<&mut Inode> {
        let id = *self.paths.get(path.as_bytes())?;
        self.inodes.get_mut(id.0)
    }

    /// Makes `path` and its missing ancestors directories (0755, root) of `origin`.
    ///
    /// # Errors
    /// Something on the way is no directory.
    pub fn make_dirs(&mut self, path: &ImagePath, origin: &Origin) -> Result<(), TreeError> {
        let mut missing = Vec::new();
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if self.paths.contains_key(path.as_bytes()) {
                break;
            }
            at = path.parent();
            missing.push(path);
        }
        for path in missing.into_iter().rev() {
            let stat = Stat {
                mtime: self.epoch.seconds(),
                ..Stat::root(Mode::DIRECTORY)
            };
            let inode = Inode {
                stat,
                kind: Kind::Directory,
                xattrs: Xattrs::new(),
                origin: origin.clone(),
            };
            self.insert(path, inode)?;
        }
        match self.get(path) {
            Some(inode) if inode.kind == Kind::Directory => Ok(()),
            _ => Err(TreeError::NoParent(path.clone())),
        }
    }

    /// Checks every rule once and fixes all times to the Epoch at the latest.
    ///
    /// # Errors
    /// The first rule that the tree breaks, in path order.
    pub fn seal(mut self) -> Result<Tree<Sealed>, TreeError> {
        for (path, id) in &self.paths {
            let Some(inode) = self.inodes.get(id.0) else {
                return Err(TreeError::NotFound(path.clone()));
            };
            self.check_parent(path)?;
            check_inode(path, inode)?;
        }
        for inode in &mut self.inodes {
            inode.stat.mtime = inode.stat.mtime.min(self.epoch.seconds());
        }
        Ok(Tree {
            epoch: self.epoch,
            inodes: self.inodes,
            paths: self.paths,
            state: PhantomData,
        })
    }

    fn check_free(&self, path: &ImagePath) -> Result<(), TreeError> {
        if self.paths.contains_key(path.as_bytes()) {
            return Err(TreeError::Exists(path.clone()));
        }
        if self.paths.len() >= limits::TREE_ENTRIES_MAX {
            return Err(TreeError::TooManyEntries);
        }
        self.check_parent(path)
    }

    fn check_parent(&self, path: &ImagePath) -> Result<(), TreeError> {
        match path.parent() {
            None => Ok(()),
            Some(parent) => match self.paths.get(parent.as_bytes()) {
                Some(id) if self.is_directory(*id) => Ok(()),
                _ => Err(TreeError::NoParent(path.clone())),
            },
        }
    }

    fn is_directory(&self, id: InodeId) -> bool {
        self.inodes
            .get(id.0)
            .is_some_and(|inode| inode.kind == Kind::Directory)
    }
}

impl Tree<Sealed> {
    /// Opens the tree again, for a next step such as an overlay over a cached tree.
    pub fn reopen(self) -> Tree<Open> {
        Tree {
            epoch: self.epoch,
            inodes: self.inodes,
            paths: self.paths,
            state: PhantomData,
        }
    }
}

impl<State> Tree<State> {
    /// The build's clock.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// All paths in bytewise order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.paths
            .iter()
            .filter_map(|(path, id)| self.entry(path, *id))
    }

    /// How many paths there are, `/` included.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Never: a tree holds `/`.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The inode at `path`; symbolic links are not followed.
    pub fn get(&self, path: &ImagePath) -> Option<&Inode> {
        self.inodes.get(self.paths.get(path.as_bytes())?.0)
    }

    /// The id of the inode at `path`.
    pub fn id(&self, path: &ImagePath) -> Option<InodeId> {
        self.paths.get(path.as_bytes()).copied()
    }

    /// `path` and everything below it, in bytewise order.
    pub fn subtree(&self, path: &ImagePath) -> impl Iterator<Item = Entry<'_>> {
        let top = path.clone();
        self.paths
            .range(path.clone()..)
            // Siblings such as `/a-b` sort between `/a` and `/a/b`: skip them, stop at a new prefix.
            .take_while({
                let top = path.clone();
                move |(path, _)| path.as_bytes().starts_with(top.as_bytes())
            })
            .filter(move |(path, _)| path.is_within(&top))
            .filter_map(|(path, id)| self.entry(path, *id))
    }

    /// The names in the directory at `path`, in bytewise order; none where there is no directory.
    pub fn names(&self, path: &ImagePath) -> Vec<&[u8]> {
        let mut prefix = path.as_bytes().to_vec();
        if !path.is_root() {
            prefix.push(b'/');
        }
        let mut names = Vec::new();
        let mut from = prefix.clone();
        loop {
            let bounds = (Bound::Included(from.as_slice()), Bound::Unbounded);
            let Some((found, _)) = self.paths.range::<[u8], _>(bounds).next() else {
                return names;
            };
            let Some(rest) = found.as_bytes().strip_prefix(prefix.as_slice()) else {
                return names;
            };
            let mut next = found.as_bytes().to_vec();
            if let Some(slash) = rest.iter().position(|byte| *byte == b'/') {
                // Below a name that was met: on to what sorts after all of it.
                next.truncate(prefix.len().saturating_add(slash));
                next.push(b'/'.saturating_add(1));
            } else {
                if !rest.is_empty() {
                    names.push(rest);
                }
                next.push(0);
            }
            from = next;
        }
    }

    /// Hard-link groups: every inode with more than one path, with its paths in order; the groups
    /// are ordered by their first path.
    pub fn hard_links(&self) -> Vec<(InodeId, Vec<&ImagePath>)> {
        let mut groups: BTreeMap<InodeId, Vec<&ImagePath>> = BTreeMap::new();
        for (path, id) in &self.paths {
            groups.entry(*id).or_default().push(path);
        }
        let mut groups: Vec<_> = groups
            .into_iter()
            .filter(|(_, paths)| paths.len() > 1)
            .collect();
        groups.sort_by(|(_, a), (_, b)| a.first().cmp(&b.first()));
        groups
    }

    /// Follows symbolic links as a process inside the image would, `..` stopping at the root.
    ///
    /// `None` where a component is missing, is no directory, or more than 40 links were met
    /// (Linux' own limit).
    pub fn resolve(&self, path: &ImagePath) -> Option<ImagePath> {
        let mut pending: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
        let mut at = ImagePath::root();
        let mut links = 0;
        while let Some(component) = pending.pop() {
            match component.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    at = at.parent().unwrap_or_else(ImagePath::root);
                    continue;
                }
                _ => {}
            }
            let next = at.join(&component).ok()?;
            if let Kind::Symlink(target) = &self.get(&next)?.kind {
                links += 1;
                if links > 40 {
                    return None;
                }
                if target.first() == Some(&b'/') {
                    at = ImagePath::root();
                }
                pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
            } else {
                at = next;
            }
        }
        Some(at)
    }

    /// The content of the regular file at `path`, symbolic links followed.
    pub fn content(&self, path: &ImagePath) -> Option<Content> {
        match self.get(&self.resolve(path)?)?.kind {
            Kind::Regular(content) => Some(content),
            _ => None,
        }
    }

    fn entry<'a>(&'a self, path: &'a ImagePath, id: InodeId) -> Option<Entry<'a>> {
        self.inodes.get(id.0).map(|inode| Entry { path, id, inode })
    }
}

fn check_inode(path: &ImagePath, inode: &Inode) -> Result<(), TreeError> {
    if let Kind::Symlink(target) = &inode.kind {
        let fits = (1..=limits::PATH_MAX).contains(&target.len()) && !target.contains(&0);
        if !fits || inode.stat.mode != Mode::SYMLINK {
            return Err(TreeError::Symlink(path.clone()));
        }
    }
    let too_large = |value: &Vec<u8>| value.len() > limits::XATTR_VALUE_MAX;
    if inode.xattrs.len() > limits::XATTRS_MAX || inode.xattrs.values().any(too_large) {
        return Err(TreeError::Xattrs(path.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).unwrap()
    }

    fn inode(kind: Kind) -> Inode {
        let mode = if matches!(kind, Kind::Symlink(_)) {
            Mode::SYMLINK
        } else {
            Mode::DIRECTORY
        };
        Inode {
            stat: Stat {
                mtime: u64::MAX,
                ..Stat::root(mode)
            },
            kind,
            xattrs: Xattrs::new(),
            origin: Origin::Script("test".to_owned()),
        }
    }

    fn tree() -> Tree<Open> {
        Tree::new(Epoch::new(1000).unwrap())
    }

    #[test]
    fn names_of_a_directory() {
        let mut tree = tree();
        for text in ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b-x", "/a/b0", "/ab"] {
            tree.insert(path(text), inode(Kind::Directory)).unwrap();
        }
        let names = |text: &str| -> Vec<String> {
            let names = tree.names(&path(text));
            names
                .into_iter()
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect()
        };
        assert_eq!(names("/"), ["a", "ab"]);
        assert_eq!(names("/a"), ["b", "b-x", "b0"]);
        assert_eq!(names("/a/b"), ["c"]);
        assert_eq!(names("/a/b/c/d"), [""; 0]);
        assert_eq!(names("/none"), [""; 0]);
    }

    #[test]
    fn parents_come_first() {
        let mut tree = tree();
        let error = tree.insert(path("/a/b"), inode(Kind::Directory));
        assert_eq!(error, Err(TreeError::NoParent(path("/a/b"))));
        tree.insert(path("/a"), inode(Kind::Fifo)).unwrap();
        let error = tree.insert(path("/a/b"), inode(Kind::Directory));
        assert_eq!(error, Err(TreeError::NoParent(path("/a/b"))));
    }

    #[test]
    fn removing_a_directory_removes_what_it_holds_and_no_sibling() {
        let mut tree = tree();
        for name in ["/a", "/a-b", "/a/b", "/a/b/c", "/ab"] {
            tree.insert(path(name), inode(Kind::Directory)).unwrap();
        }
        tree.remove(&path("/a")).unwrap();
        let left: Vec<String> = tree.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(left, ["/", "/a-b", "/ab"]);
    }

    #[test]
    fn sealing_clamps_times_and_groups_links() {
        let mut tree = tree();
        let id = tree
            .insert(path("/b"), inode(Kind::Regular(Content::of(b"x"))))
            .unwrap();
        tree.link(path("/a"), id).unwrap();
        let tree = tree.seal().unwrap();
        assert_eq!(tree.get(&path("/a")).unwrap().stat.mtime, 1000);
        assert_eq!(tree.hard_links(), [(id, vec![&path("/a"), &path("/b")])]);
    }

    #[test]
    fn resolving_stays_inside_and_ends() {
        let mut tree = tree();
        for (name, target) in [("/bin", "usr/bin"), ("/up", "../../usr"), ("/loop", "loop")] {
            tree.insert(path(name), inode(Kind::Symlink(target.into())))
                .unwrap();
        }
        for name in ["/usr", "/usr/bin", "/usr/bin/sh"] {
            tree.insert(path(name), inode(Kind::Directory)).unwrap();
        }
        assert_eq!(tree.resolve(&path("/bin/sh")), Some(path("/usr/bin/sh")));
        assert_eq!(tree.resolve(&path("/up/bin")), Some(path("/usr/bin")));
        assert_eq!(tree.resolve(&path("/loop")), None);
        assert_eq!(tree.resolve(&path("/none")), None);
    }

    #[test]
    fn a_symlink_needs_a_target() {
        let mut tree = tree();
        tree.insert(path("/l"), inode(Kind::Symlink(Vec::new())))
            .unwrap();
        assert_eq!(tree.seal().unwrap_err(), TreeError::Symlink(path("/l")));
    }
}
