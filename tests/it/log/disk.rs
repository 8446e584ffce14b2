//! A file system that stops when it is told to, and forgets what was not synced.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;

use karat::log::{Disk, Names, Source};
use karat::sys::fs::{IoError, Listed, ListedKind};

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    File(usize),
}

/// A file: its bytes now, and those that were last made durable.
#[derive(Clone, Debug, Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
}

/// What is left after a crash, of what was not made durable.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// All of it.
    All,
    /// All names, but files are torn.
    Torn,
    /// Some names and bytes, by a throw of dice.
    Some(u64),
}

/// Which operation fails, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fuse {
    Never,
    /// Nothing works from this operation on: the power is gone.
    Crash(usize),
    /// This operation fails, and the next ones work again.
    Once(usize, io::ErrorKind),
}

/// The disk in memory. Clones are copies.
#[derive(Clone, Debug)]
pub(super) struct MemoryDisk {
    inodes: RefCell<Vec<Inode>>,
    now: RefCell<BTreeMap<String, Node>>,
    durable: RefCell<BTreeMap<String, Node>>,
    pub fuse: Cell<Fuse>,
    pub operations: Cell<usize>,
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self {
            inodes: RefCell::default(),
            now: RefCell::default(),
            durable: RefCell::default(),
            fuse: Cell::new(Fuse::Never),
            operations: Cell::new(0),
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl MemoryDisk {
    /// The machine starts again.
    pub fn restart(&self, left: Left) -> Self {
        let (now, durable) = (self.now.borrow(), self.durable.borrow());
        let mut dice = match left {
            Left::Some(seed) => seed,
            _ => 0,
        };
        let mut throw = || {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            dice >> 63 == 1
        };
        let mut names = BTreeMap::new();
        let paths: std::collections::BTreeSet<&String> = now.keys().chain(durable.keys()).collect();
        for path in paths {
            let is_now = match left {
                Left::Nothing => false,
                Left::All | Left::Torn => true,
                Left::Some(_) => throw(),
            };
            let node = if is_now {
                now.get(path)
            } else {
                durable.get(path)
            };
            // A directory that is not there takes with it what it would hold.
            let above = parent(path);
            let has_parent = above.is_empty() || names.get(above) == Some(&Node::Directory);
            if let (Some(node), true) = (node, has_parent) {
                names.insert(path.clone(), *node);
            }
        }
        let before = self.inodes.borrow().clone();
        let inodes = before.into_iter().map(|inode| {
            let bytes = match left {
                Left::All => inode.now,
                Left::Torn if inode.now == inode.durable => inode.now,
                Left::Torn => inode.now[..inode.now.len() / 2].to_vec(),
                Left::Some(_) if throw() => inode.now,
                Left::Nothing | Left::Some(_) => inode.durable,
            };
            Inode {
                now: bytes.clone(),
                durable: bytes,
            }
        });
        Self {
            inodes: RefCell::new(inodes.collect()),
            now: RefCell::new(names.clone()),
            durable: RefCell::new(names),
            ..Self::default()
        }
    }

    /// Counts an operation that changes something; says whether it fails.
    fn operate(&self, path: &str) -> Result<(), IoError> {
        let number = self.operations.get();
        self.operations.set(number + 1);
        let fails = match self.fuse.get() {
            Fuse::Never => None,
            Fuse::Crash(at) => (number >= at).then_some(io::ErrorKind::Interrupted),
            Fuse::Once(at, kind) => (number == at).then_some(kind),
        };
        fails.map_or(Ok(()), |kind| {
            Err(IoError::new("write", path, io::Error::from(kind)))
        })
    }

    fn missing(path: &str) -> IoError {
        IoError::new("find", path, io::Error::from(io::ErrorKind::NotFound))
    }

    /// Every file, with its bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let inodes = self.inodes.borrow();
        let names = self.now.borrow();
        names
            .iter()
            .filter_map(|(path, node)| match node {
                Node::Directory => None,
                Node::File(inode) => Some((path.clone(), inodes[*inode].now.clone())),
            })
            .collect()
    }

    /// Puts a file there, durably and without asking.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut inodes = self.inodes.borrow_mut();
        inodes.push(Inode {
            now: bytes.to_vec(),
            durable: bytes.to_vec(),
        });
        let node = Node::File(inodes.len() - 1);
        for names in [&self.now, &self.durable] {
            names.borrow_mut().insert(path.to_owned(), node);
        }
    }

    /// Takes a file away, durably.
    pub fn take(&self, path: &str) {
        for names in [&self.now, &self.durable] {
            names.borrow_mut().remove(path);
        }
    }
}

impl Source for &MemoryDisk {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        let file = match self.now.borrow().get(path) {
            None => return Ok(None),
            Some(Node::Directory) => {
                return Err(IoError::new("read", path, io::Error::other("a directory")));
            }
            Some(Node::File(inode)) => *inode,
        };
        let bytes = self.inodes.borrow()[file].now.clone();
        if bytes.len() as u64 > cap {
            let large = io::Error::from(io::ErrorKind::FileTooLarge);
            return Err(IoError::new("read", path, large));
        }
        Ok(Some(bytes))
    }

    fn list(&self, path: &str) -> Result<Names, IoError> {
        let names = self.now.borrow();
        if !path.is_empty() && names.get(path) != Some(&Node::Directory) {
            return Ok(Names::Missing);
        }
        let inside = names.iter().filter(|(name, _)| parent(name) == path);
        let listed = inside.map(|(name, node)| Listed {
            name: name.rsplit('/').next().unwrap().as_bytes().to_vec(),
            kind: match node {
                Node::Directory => ListedKind::Directory,
                Node::File(_) => ListedKind::File,
            },
        });
        Ok(Names::Listed(listed.collect()))
    }
}

impl Disk for &MemoryDisk {
    fn make_directory(&self, path: &str) -> Result<bool, IoError> {
        self.operate(path)?;
        let mut names = self.now.borrow_mut();
        let above = parent(path);
        if !above.is_empty() && names.get(above) != Some(&Node::Directory) {
            return Err(MemoryDisk::missing(path));
        }
        match names.get(path) {
            Some(Node::Directory) => Ok(false),
            Some(Node::File(_)) => Err(IoError::new("create", path, io::Error::other("a file"))),
            None => {
                names.insert(path.to_owned(), Node::Directory);
                Ok(true)
            }
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), IoError> {
        let outcome = self.operate(path);
        let mut names = self.now.borrow_mut();
        let above = parent(path);
        if !above.is_empty() && names.get(above) != Some(&Node::Directory) {
            return Err(MemoryDisk::missing(path));
        }
        let mut inodes = self.inodes.borrow_mut();
        let inode = match names.get(path) {
            Some(Node::File(inode)) => *inode,
            _ => {
                inodes.push(Inode::default());
                inodes.len() - 1
            }
        };
        names.insert(path.to_owned(), Node::File(inode));
        // One that fails has come half way.
        let end = if outcome.is_ok() {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        inodes[inode].now = bytes[..end].to_vec();
        outcome
    }

    fn sync(&self, path: &str) -> Result<(), IoError> {
        self.operate(path)?;
        let now = self.now.borrow();
        match now.get(path) {
            Some(Node::File(inode)) => {
                let inode = &mut self.inodes.borrow_mut()[*inode];
                inode.durable = inode.now.clone();
            }
            None if !path.is_empty() => return Err(MemoryDisk::missing(path)),
            _ => {
                let mut durable = self.durable.borrow_mut();
                durable.retain(|name, _| parent(name) != path);
                let inside = now.iter().filter(|(name, _)| parent(name) == path);
                durable.extend(inside.map(|(name, node)| (name.clone(), *node)));
            }
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.operate(to)?;
        let mut names = self.now.borrow_mut();
        let above = parent(to);
        if !above.is_empty() && names.get(above) != Some(&Node::Directory) {
            return Err(MemoryDisk::missing(to));
        }
        let node = names
            .remove(from)
            .ok_or_else(|| MemoryDisk::missing(from))?;
        names.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), IoError> {
        self.operate(path)?;
        let mut names = self.now.borrow_mut();
        names
            .remove(path)
            .ok_or_else(|| MemoryDisk::missing(path))?;
        Ok(())
    }
}
