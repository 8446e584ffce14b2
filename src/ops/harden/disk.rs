//! A directory of this machine as what rules see. Only read: nothing in it is run or changed.

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
/// What was looked at once is remembered: many rules look over the whole root.
#[derive(Debug)]
pub struct Directory {
    root: Root,
    nodes: RefCell<BTreeMap<ImagePath, Option<Node>>>,
    names: RefCell<BTreeMap<ImagePath, Vec<Vec<u8>>>>,
    /// How many paths and names are remembered.
    kept: Cell<usize>,
    /// The directory that was opened last, for its other names.
    opened: RefCell<Option<(ImagePath, OwnedFd)>>,
}

/// Most paths and names that are remembered: some 300 bytes for each.
const KEPT_MAX: usize = 1_000_000;

impl Directory {
    /// Takes a directory as a root.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, IoError> {
        Ok(Self {
            root: Root::open(path)?,
            nodes: RefCell::default(),
            names: RefCell::default(),
            kept: Cell::new(0),
            opened: RefCell::new(None),
        })
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
    let names = root::names_up_to(directory, limits::FACT_NAMES_MAX);
    names.map_err(|error| failed(&error))?.ok_or_else(|| {
        let max = limits::FACT_NAMES_MAX;
        ViewError::new(path, format!("it has more than {max} names"))
    })
}

fn is_no_directory(error: &IoError) -> bool {
    error.source.kind() == std::io::ErrorKind::NotADirectory
}
