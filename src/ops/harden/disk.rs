//! A directory of this machine as what rules see. Only read: nothing in it is run or changed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::FileType;

use crate::harden::{Node, NodeKind, View, ViewError};
use crate::limits;
use crate::path::ImagePath;
use crate::sys::fs::IoError;
use crate::sys::root::{self, Root};
use crate::tree::{Mode, Stat};

/// A directory that stands for `/`. Links in it never lead out of it.
#[derive(Debug)]
pub struct Directory(Root);

impl Directory {
    /// Takes a directory as a root.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, IoError> {
        Root::open(path).map(Self)
    }
}

impl View for Directory {
    fn look(&self, path: &ImagePath) -> Result<Option<Node>, ViewError> {
        let failed = |error: &dyn std::error::Error| ViewError::new(path, error.to_string());
        let Some(found) = self.0.find(path).map_err(|error| failed(&error.source))? else {
            return Ok(None);
        };
        let (parent, name) = self.0.parent(path).map_err(|error| failed(&error.source))?;
        let (mut mode, mut xattrs) = (Mode::of_st_mode(found.mode), crate::tree::Xattrs::new());
        let kind = match found.kind {
            FileType::Directory => NodeKind::Directory,
            FileType::RegularFile => {
                xattrs = root::xattrs(&parent, name).map_err(|error| failed(&error))?;
                NodeKind::Regular(found.size)
            }
            FileType::Symlink => {
                mode = Mode::SYMLINK;
                NodeKind::Symlink(root::link_target(&parent, name).map_err(|error| failed(&error))?)
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

    fn names(&self, path: &ImagePath) -> Result<Vec<Vec<u8>>, ViewError> {
        let failed = |error: &dyn std::error::Error| ViewError::new(path, error.to_string());
        let (parent, name) = match self.0.parent(path) {
            Ok(place) => place,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error.source)),
        };
        let directory = match root::open_directory_at(parent, OsStr::from_bytes(name.as_bytes())) {
            Ok(directory) => directory,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(failed(&error)),
        };
        let names = root::names_up_to(directory, limits::FACT_NAMES_MAX);
        let names = names.map_err(|error| failed(&error))?;
        names.ok_or_else(|| {
            let max = limits::FACT_NAMES_MAX;
            ViewError::new(path, format!("it has more than {max} names"))
        })
    }

    fn bytes(&self, path: &ImagePath, cap: u64) -> Result<Vec<u8>, ViewError> {
        self.0
            .bytes(path, cap)
            .map_err(|error| ViewError::new(path, error.source.to_string()))
    }
}
