//! All paths of an image, in the manifest's order.

use std::collections::{BTreeMap, BTreeSet};

use super::ReadError;
use super::field::wide;
use super::image::Reader;
use super::inode::{Inode, Kind};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::Xattrs;

/// A path of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path.
    pub path: ImagePath,
    /// What it leads to. Entries with one `nid` are hard links of each other.
    pub inode: Inode,
    /// Its extended attributes; those of a hard link are given with its first path only.
    pub xattrs: Xattrs,
    /// A symbolic link's target; empty for all else.
    pub target: Vec<u8>,
    /// Whether the inode was not met before.
    pub is_first: bool,
}

/// Goes through an image.
#[derive(Debug)]
pub struct Walk<'a> {
    reader: Reader<'a>,
    /// What is left of the directories that are open.
    open: Vec<Directory>,
    /// Inodes that were met: a directory a second time would be a loop.
    met: BTreeSet<u64>,
    /// How many names are missing of inodes that say they have several.
    links: BTreeMap<u64, (u32, ImagePath)>,
    paths: usize,
    /// How many further bytes of names, targets and attributes are taken.
    left: u64,
    has_started: bool,
}

#[derive(Debug)]
struct Directory {
    path: ImagePath,
    nid: u64,
    /// What comes next is last.
    steps: Vec<Step>,
}

/// Something to do in a directory, in the order of `key`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    /// The name; with a slash behind it for what is below it: `a-b` comes before `a/b`.
    key: Vec<u8>,
    nid: u64,
    kind: u8,
}

impl<'a> Reader<'a> {
    /// Goes through all paths, in bytewise order, `/` first.
    pub fn walk(self) -> Walk<'a> {
        Walk {
            reader: self,
            open: Vec::new(),
            met: BTreeSet::new(),
            links: BTreeMap::new(),
            paths: 0,
            left: limits::MANIFEST_MAX,
            has_started: false,
        }
    }
}

impl Walk<'_> {
    /// The next path; `None` after the last one.
    ///
    /// # Errors
    /// What comes next breaks a rule: a directory that is its own ancestor or has two names, an inode
    /// with more or fewer names than it says, anything malformed. Then there is no next.
    #[expect(clippy::should_implement_trait, reason = "it can fail, once")]
    pub fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        if !self.has_started {
            self.has_started = true;
            let root = u64::from(self.reader.superblock().root);
            let entry = self.entry(ImagePath::root(), root, 2)?;
            self.descend(ImagePath::root(), entry.inode, root)?;
            return Ok(Some(entry));
        }
        while let Some(directory) = self.open.last_mut() {
            let Some(step) = directory.steps.pop() else {
                self.open.pop();
                continue;
            };
            let broken = |path: &ImagePath, rule| ReadError::Path {
                path: path.clone(),
                rule,
            };
            let (name, is_below) = match step.key.strip_suffix(b"/") {
                Some(name) => (name, true),
                None => (step.key.as_slice(), false),
            };
            let path = directory
                .path
                .join(name)
                .map_err(|_rule| broken(&directory.path, "a name in it makes no path"))?;
            if is_below {
                let parent = directory.nid;
                let inode = self.reader.inode(step.nid)?;
                self.descend(path, inode, parent)?;
                continue;
            }
            return self.entry(path, step.nid, step.kind).map(Some);
        }
        match self.links.pop_first() {
            Some((_, (_, path))) => Err(ReadError::Path {
                path,
                rule: "it has fewer names than its inode says",
            }),
            None => Ok(None),
        }
    }

    fn entry(&mut self, path: ImagePath, nid: u64, kind: u8) -> Result<Entry, ReadError> {
        self.paths = self.paths.saturating_add(1);
        if self.paths > limits::TREE_ENTRIES_MAX {
            return Err(ReadError::Paths);
        }
        self.spend(path.as_bytes().len())?;
        let inode = self.reader.inode(nid)?;
        let broken = |rule| ReadError::Path {
            path: path.clone(),
            rule,
        };
        if inode.kind.number() != kind {
            return Err(broken("its directory says that it is of another type"));
        }
        let is_first = self.is_first(&inode, &path)?;
        let mut xattrs = Xattrs::new();
        let mut target = Vec::new();
        if is_first {
            xattrs = self.reader.xattrs(&inode)?;
            let lengths = xattrs
                .iter()
                .map(|(name, value)| name.len().saturating_add(value.len()));
            self.spend(lengths.fold(0, usize::saturating_add))?;
        }
        if inode.kind == Kind::Symlink {
            if !(1..=wide(limits::PATH_MAX)).contains(&inode.size) {
                return Err(broken("a link's target has no length that Linux allows"));
            }
            self.reader
                .content(&inode, &mut |bytes| target.extend_from_slice(bytes))?;
            self.spend(target.len())?;
        }
        Ok(Entry {
            path,
            inode,
            xattrs,
            target,
            is_first,
        })
    }

    /// Counts the names of an inode.
    fn is_first(&mut self, inode: &Inode, path: &ImagePath) -> Result<bool, ReadError> {
        let broken = |rule| ReadError::Path {
            path: path.clone(),
            rule,
        };
        if inode.kind == Kind::Directory {
            if self.met.insert(inode.nid) {
                return Ok(true);
            }
            return Err(broken("it leads to a directory that has another path"));
        }
        let Some((missing, _)) = self.links.get_mut(&inode.nid) else {
            // All names of it were met, or this is the first one.
            if inode.links == 0 || !self.met.insert(inode.nid) {
                return Err(broken("it has more names than its inode says"));
            }
            if inode.links > 1 {
                let missing = inode.links.saturating_sub(1);
                self.links.insert(inode.nid, (missing, path.clone()));
            }
            return Ok(true);
        };
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.links.remove(&inode.nid);
        }
        Ok(false)
    }

    /// Opens a directory.
    fn descend(&mut self, path: ImagePath, inode: Inode, parent: u64) -> Result<(), ReadError> {
        let entries = self.reader.entries(&inode, parent, self.left)?;
        let mut steps = Vec::new();
        for entry in entries {
            let (key, nid, kind) = (entry.name.into_vec(), entry.nid, entry.kind);
            if kind == 2 {
                let below = [key.as_slice(), b"/"].concat();
                steps.push(Step {
                    key: below,
                    nid,
                    kind,
                });
            }
            steps.push(Step { key, nid, kind });
        }
        crate::order::sort_by(&mut steps, |one, other| other.cmp(one));
        let nid = inode.nid;
        self.open.push(Directory { path, nid, steps });
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), ReadError> {
        let left = self.left.checked_sub(wide(bytes));
        self.left = left.ok_or(ReadError::Metadata)?;
        Ok(())
    }
}
