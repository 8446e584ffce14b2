//! A directory of this machine as what rules see. Only read: nothing in it is run or changed.
//!
//! A look over the whole root stays on disks: what the kernel makes up, lies in memory or on other machines
//! is not the image's. Where it did not go is said.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::harden::{Node, NodeKind, View, ViewError};
use crate::limits;
use crate::path::ImagePath;
use crate::sys::fs::IoError;
use crate::sys::root::{self, Root};
use crate::tree::{Mode, Stat, Xattrs};

/// A directory that stands for `/`. Links in it never lead out of it.
///
/// What was looked at by its name is remembered: many rules ask for the same few.
#[derive(Debug)]
pub struct Directory {
    root: Root,
    nodes: RefCell<BTreeMap<ImagePath, Option<Node>>>,
    names: RefCell<BTreeMap<ImagePath, Vec<Vec<u8>>>>,
    /// How many paths and names are remembered.
    kept: Cell<usize>,
    /// The directory that was opened last, for its other names.
    opened: RefCell<Option<(ImagePath, OwnedFd)>>,
    /// The file system of the root itself.
    device: u64,
    /// Directories that a look over the whole root did not go into, and why.
    not_entered: RefCell<BTreeMap<ImagePath, String>>,
}

/// Most paths and names that are remembered: some 300 bytes for each.
const KEPT_MAX: usize = 1_000_000;

/// File systems of disks, by the numbers of statfs(2): btrfs, EROFS, ext2 to ext4, F2FS, FAT, `SquashFS`,
/// XFS, ZFS.
const OF_DISKS: [u64; 8] = [
    0x9123_683e,
    0xe0f5_e1e2,
    0xef53,
    0xf2f5_2010,
    0x4d44,
    0x7371_7368,
    0x5846_5342,
    0x2fc1_2fc1,
];

/// The names of others that are met often.
const OTHERS: [(u64, &str); 9] = [
    (0x0102_1994, "tmpfs"),
    (0x0102_1997, "9p"),
    (0x6969, "nfs"),
    (0x6265_6572, "sysfs"),
    (0x6573_5546, "fuse"),
    (0x794c_7630, "overlay"),
    (0x9fa0, "proc"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
];

impl Directory {
    /// Takes a directory as a root.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, IoError> {
        let root = Root::open(path)?;
        let found = root.find(&ImagePath::root())?;
        Ok(Self {
            device: found.map_or(0, |found| found.device),
            root,
            nodes: RefCell::default(),
            names: RefCell::default(),
            kept: Cell::new(0),
            opened: RefCell::new(None),
            not_entered: RefCell::default(),
        })
    }

    /// The directories that a look over the whole root did not go into, and why.
    pub fn not_entered(&self) -> Vec<(ImagePath, String)> {
        let places = self.not_entered.borrow();
        let places = places.iter();
        places
            .map(|(path, why)| (path.clone(), why.clone()))
            .collect()
    }

    /// Whether a look over the whole root goes into the open directory at `path`: it stays on disks.
    fn enters(&self, path: &ImagePath, directory: &OwnedFd) -> Result<bool, Errno> {
        let device = root::find_at(directory, OsStr::new("."))?.map(|found| found.device);
        if device == Some(self.device) {
            return Ok(true);
        }
        let kind = root::file_system(directory)?;
        if OF_DISKS.contains(&kind) {
            return Ok(true);
        }
        let named = OTHERS.iter().find(|(other, _)| *other == kind);
        let name = named.map_or_else(|| format!("{kind:#x}"), |(_, name)| (*name).to_owned());
        let why = format!("another file system, of no disk ({name})");
        self.not_entered.borrow_mut().insert(path.clone(), why);
        Ok(false)
    }

    /// Calls `look` with the directory that holds `path`; `None` where there is none.
    fn in_parent<T>(
        &self,
        path: &ImagePath,
        look: impl FnOnce(&OwnedFd, &OsStr) -> Result<T, ViewError>,
    ) -> Result<Option<T>, ViewError> {
        let parent = path.parent().unwrap_or_else(ImagePath::root);
        let name = OsStr::from_bytes(path.name().unwrap_or(b"."));
        let mut opened = self.opened.borrow_mut();
        match opened.as_ref() {
            Some((there, fd)) if *there == parent => return look(fd, name).map(Some),
            _ => {}
        }
        match self.root.directory(&parent) {
            Ok(fd) => {
                let seen = look(&fd, name);
                *opened = Some((parent, fd));
                seen.map(Some)
            }
            Err(error) if error.is_not_found() || is_no_directory(&error) => Ok(None),
            Err(error) => Err(ViewError::new(path, error.source.to_string())),
        }
    }

    /// Whether one thing more is remembered.
    fn keeps(&self, more: usize) -> bool {
        let kept = self.kept.get().saturating_add(more);
        let fits = kept <= KEPT_MAX;
        if fits {
            self.kept.set(kept);
        }
        fits
    }
}

impl View for Directory {
    fn look(&self, path: &ImagePath) -> Result<Option<Node>, ViewError> {
        if let Some(known) = self.nodes.borrow().get(path) {
            return Ok(known.clone());
        }
        let seen = self.in_parent(path, |parent, name| look_at(path, parent, name))?;
        let seen = seen.flatten();
        if self.keeps(1) {
            self.nodes.borrow_mut().insert(path.clone(), seen.clone());
        }
        Ok(seen)
    }

    fn names(&self, path: &ImagePath) -> Result<Vec<Vec<u8>>, ViewError> {
        if let Some(known) = self.names.borrow().get(path) {
            return Ok(known.clone());
        }
        let names = self.in_parent(path, |parent, name| names_in(path, parent, name))?;
        let names = names.unwrap_or_default();
        if self.keeps(names.len()) {
            self.names.borrow_mut().insert(path.clone(), names.clone());
        }
        Ok(names)
    }

    /// Nothing of it is remembered: a whole root has more than memory should hold.
    fn children(&self, path: &ImagePath) -> Result<Vec<(Vec<u8>, Node)>, ViewError> {
        let failed = |error: Errno| ViewError::new(path, error.to_string());
        let opened = self.in_parent(path, |parent, name| {
            match root::open_directory_at(parent, name) {
                Ok(directory) => Ok(Some(directory)),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
                Err(error) => Err(failed(error)),
            }
        })?;
        let Some(directory) = opened.flatten() else {
            return Ok(Vec::new());
        };
        if !self.enters(path, &directory).map_err(failed)? {
            return Ok(Vec::new());
        }
        let mut children = Vec::new();
        for name in listed(path, &directory)? {
            // What lies deeper than a path can say was not looked at: no rule may hold for it.
            let child = path
                .join(&name)
                .map_err(|error| ViewError::new(path, error.to_string()))?;
            if let Some(node) = look_at(&child, &directory, OsStr::from_bytes(&name))? {
                children.push((name, node));
            }
        }
        Ok(children)
    }

    fn bytes(&self, path: &ImagePath, cap: u64) -> Result<Vec<u8>, ViewError> {
        self.root
            .bytes(path, cap)
            .map_err(|error| ViewError::new(path, error.source.to_string()))
    }
}

fn look_at(path: &ImagePath, parent: &OwnedFd, name: &OsStr) -> Result<Option<Node>, ViewError> {
    let failed = |error: &dyn Error| ViewError::new(path, error.to_string());
    let Some(found) = root::find_at(parent, name).map_err(|error| failed(&error))? else {
        return Ok(None);
    };
    let (mut mode, mut xattrs) = (Mode::of_st_mode(found.mode), Xattrs::new());
    let kind = match found.kind {
        FileType::Directory => NodeKind::Directory,
        FileType::RegularFile => {
            xattrs = root::xattrs(parent, name).map_err(|error| failed(&error))?;
            NodeKind::Regular(found.size)
        }
        FileType::Symlink => {
            mode = Mode::SYMLINK;
            let target = root::link_target(parent, name);
            NodeKind::Symlink(target.map_err(|error| failed(&error))?)
        }
        FileType::BlockDevice
        | FileType::CharacterDevice
        | FileType::Fifo
        | FileType::Socket
        | FileType::Unknown => NodeKind::Special,
    };
    Ok(Some(Node {
        stat: Stat {
            mode,
            uid: found.uid,
            gid: found.gid,
            mtime: 0,
        },
        kind,
        xattrs,
        origin: None,
    }))
}

fn names_in(path: &ImagePath, parent: &OwnedFd, name: &OsStr) -> Result<Vec<Vec<u8>>, ViewError> {
    let failed = |error: &dyn Error| ViewError::new(path, error.to_string());
    let directory = match root::open_directory_at(parent, name) {
        Ok(directory) => directory,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    listed(path, &directory)
}

/// The names in an open directory.
fn listed(path: &ImagePath, directory: &OwnedFd) -> Result<Vec<Vec<u8>>, ViewError> {
    let names = root::names_up_to(directory, limits::FACT_NAMES_MAX);
    let names = names.map_err(|error| ViewError::new(path, error.to_string()))?;
    names.ok_or_else(|| {
        let max = limits::FACT_NAMES_MAX;
        ViewError::new(path, format!("it has more than {max} names"))
    })
}

fn is_no_directory(error: &IoError) -> bool {
    error.source.kind() == std::io::ErrorKind::NotADirectory
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes directories")]
mod tests {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};

    use super::*;
    use crate::path::PathError;

    #[test]
    fn what_lies_deeper_than_a_path_can_say_is_not_passed_over() {
        let top = std::env::temp_dir().join(format!("karat-harden-deep-{}", std::process::id()));
        std::fs::create_dir_all(&top).unwrap();
        let name = "d".repeat(200);
        let mut at = openat(CWD, &top, OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..25 {
            mkdirat(&at, &name, Mode::RWXU).unwrap();
            at = openat(&at, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        let view = Directory::open(&top).unwrap();
        let mut at = ImagePath::root();
        let error = loop {
            match view.children(&at) {
                Ok(children) => at = at.join(&children[0].0).unwrap(),
                Err(error) => break error,
            }
        };
        std::fs::remove_dir_all(&top).unwrap();
        assert_eq!(error, ViewError::new(&at, PathError::TooLong.to_string()));
    }
}
