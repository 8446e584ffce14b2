//! Putting extracted packages into the root, one after the other, by dpkg's rules: dpkg(1),
//! Debian Policy 6.6 and 7.6.
//!
//! This is where names that a package chose meet the root; all of it goes through
//! [`Root`], which no link can lead outside.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::error::StageError;
use super::extract::{Deb, Extracted, metadata};
use super::overrides::{Files, Overrides};
use super::replaces::Identity;
use crate::deb::archive::{Entry, EntryKind};
use crate::path::ImagePath;
use crate::sys::fs::IoError;
use crate::sys::root::{Root, find_at};

/// A name in a directory, whatever path leads to the directory.
pub(super) type Spot = (u64, Vec<u8>);

/// What a package put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Its number.
    pub(super) package: usize,
    /// Whether it is a directory, which packages share.
    pub(super) directory: bool,
    /// Size and time that the inode was given: while they stand, the content is the package's.
    pub(super) size: u64,
    /// See `size`.
    pub(super) mtime: u64,
}

/// Places packages and remembers whose is what.
#[derive(Debug)]
pub(super) struct Placer<'a> {
    root: &'a Root,
    debs: Vec<Identity>,
    /// The image's architecture.
    native: &'a str,
    owners: BTreeMap<Spot, Owner>,
    /// What scripts told dpkg.
    overrides: Overrides,
}

/// The directory that entries are put into.
#[derive(Debug)]
struct Within {
    path: ImagePath,
    directory: OwnedFd,
    inode: u64,
}

/// What came of placing a package.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Its paths, as `dpkg -L` shows them.
    pub(super) list: Vec<ImagePath>,
    /// What dpkg writes as its `md5sums`, if it brings none.
    pub(super) md5sums: Option<String>,
    /// Paths that it took over, and from which package.
    pub(super) taken: Vec<(usize, ImagePath)>,
}

impl<'a> Placer<'a> {
    /// A placer for these packages, each of the architecture `native` or of `all`.
    pub(super) fn new(root: &'a Root, debs: &[Deb], native: &'a str) -> Self {
        Self {
            root,
            debs: debs.iter().map(Identity::of).collect(),
            native,
            owners: BTreeMap::new(),
            overrides: Overrides::default(),
        }
    }

    /// Whose is what.
    pub(super) fn into_owners(self) -> BTreeMap<Spot, Owner> {
        self.owners
    }

    /// Takes over what scripts told dpkg since: diversions and overrides.
    pub(super) fn reload(&mut self) -> Result<(), StageError> {
        let read = |path: &str| -> Result<Vec<u8>, StageError> {
            let path = ImagePath::parse(path).map_err(system)?;
            Ok(self.root.read(&path, 16 << 20)?.unwrap_or_default())
        };
        self.overrides = Overrides::parse(Files {
            diversions: &read("/var/lib/dpkg/diversions")?,
            statoverride: &read("/var/lib/dpkg/statoverride")?,
            passwd: &read("/etc/passwd")?,
            group: &read("/etc/group")?,
        })?;
        Ok(())
    }

    /// Places package number `at`, extracted into `files`.
    pub(super) fn place(
        &mut self,
        at: usize,
        deb: &Deb,
        extracted: &Extracted,
        files: &OwnedFd,
    ) -> Result<Placed, StageError> {
        let conffiles = conffiles(deb);
        let mut placed = Placed {
            md5sums: extracted.md5sums.clone(),
            ..Placed::default()
        };
        // Where each file of this package went: for its hard links.
        let mut went: BTreeMap<ImagePath, (ImagePath, Owner)> = BTreeMap::new();
        let mut last: Option<Within> = None;
        for (number, entry) in extracted.entries.iter().enumerate() {
            let fail = |message: String| StageError::Place {
                package: deb.name.clone(),
                path: entry.path.to_string(),
                message,
            };
            placed.list.push(entry.path.clone());
            if entry.path.is_root() {
                continue;
            }
            let path = self.diverted(&entry.path, &deb.name).map_err(fail)?;
            let parent = path.parent().unwrap_or_else(ImagePath::root);
            // Entries of one directory follow each other: it is looked up once.
            let within = match last.take() {
                Some(within) if within.path == parent => last.insert(within),
                _ => last.insert(self.open(parent).map_err(|error| fail(error.to_string()))?),
            };
            let directory = &within.directory;
            let name = OsStr::from_bytes(path.name().unwrap_or(b"."));
            let spot = (within.inode, name.as_bytes().to_vec());
            let present = find_at(directory, name).map_err(|errno| fail(errno.to_string()))?;
            let present = present.map(|found| found.kind);
            if self.is_shared_directory(entry, &path, present) {
                continue;
            }
            if !self.may_take(at, entry, &spot, &mut placed)? {
                placed.list.pop();
                continue;
            }
            if present == Some(FileType::Directory) {
                // dpkg leaves a directory where a package has a link to one.
                if matches!(entry.kind, EntryKind::Symlink(_)) && path == entry.path {
                    continue;
                }
                return Err(fail("a directory is in its place".to_owned()));
            }
            let is_conffile = conffiles.contains(&entry.path)
                && matches!(entry.kind, EntryKind::Regular(_) | EntryKind::HardLink(_));
            let target = if is_conffile {
                beside(&path).map_err(fail)?
            } else {
                path
            };
            let link_to = match &entry.kind {
                EntryKind::HardLink(link) => went.get(link.as_bytes()).cloned(),
                _ => None,
            };
            let link_path = link_to.as_ref().map(|(path, _)| path);
            self.put(number, entry, files, directory, &target, link_path)
                .map_err(|errno| fail(errno.to_string()))?;
            if matches!(entry.kind, EntryKind::Symlink(_)) {
                // The same path may lead elsewhere now.
                last = None;
            }
            let owner = link_to
                .as_ref()
                .map_or_else(|| claim(at, entry), |(_, owner)| *owner);
            self.owners.insert(spot, owner);
            went.insert(entry.path.clone(), (target, owner));
        }
        Ok(placed)
    }

    fn open(&self, path: ImagePath) -> Result<Within, IoError> {
        let directory = self.root.directory(&path)?;
        // Whose is what is told by it: two directories must never have one number.
        let inode = find_at(&directory, OsStr::new("."))
            .and_then(|found| found.ok_or(Errno::NOENT))
            .map_err(|errno| IoError::new("examine", path.to_string(), errno))?
            .inode;
        Ok(Within {
            path,
            directory,
            inode,
        })
    }

    /// A directory that is there already, directly or behind a link, is used as it is.
    fn is_shared_directory(
        &self,
        entry: &Entry,
        path: &ImagePath,
        present: Option<FileType>,
    ) -> bool {
        entry.kind == EntryKind::Directory
            && match present {
                Some(FileType::Directory) => true,
                Some(FileType::Symlink) => self.root.is_directory(path),
                _ => false,
            }
    }

    /// Whether package `at` gets the place; if another has it, `Replaces` decides.
    fn may_take(
        &self,
        at: usize,
        entry: &Entry,
        spot: &Spot,
        placed: &mut Placed,
    ) -> Result<bool, StageError> {
        let Some(owner) = self.owners.get(spot).filter(|owner| !owner.directory) else {
            return Ok(true);
        };
        let (Some(first), Some(second)) = (self.debs.get(owner.package), self.debs.get(at)) else {
            return Ok(true);
        };
        if second.replaces(first, self.native)? {
            placed.taken.push((owner.package, entry.path.clone()));
            return Ok(true);
        }
        if first.replaces(second, self.native)? {
            return Ok(false);
        }
        Err(StageError::Conflict {
            path: entry.path.to_string(),
            first: first.name.clone(),
            second: second.name.clone(),
        })
    }

    fn put(
        &self,
        number: usize,
        entry: &Entry,
        files: &OwnedFd,
        directory: &OwnedFd,
        target: &ImagePath,
        link_to: Option<&ImagePath>,
    ) -> rustix::io::Result<()> {
        let name = OsStr::from_bytes(target.name().unwrap_or(b"."));
        let mut metadata = metadata(entry);
        let overridden = self.overrides.owner(&entry.path);
        if let Some(over) = overridden {
            (metadata.uid, metadata.gid, metadata.mode) = (over.uid, over.gid, over.mode);
        }
        match &entry.kind {
            EntryKind::Directory => {
                rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(0o755))?;
                let made = crate::sys::root::open_directory_at(directory, name)?;
                metadata.apply(made)
            }
            EntryKind::Regular(_) => {
                let number = number.to_string();
                let number = OsStr::new(&number);
                if overridden.is_some() {
                    let file = crate::sys::root::open_at(files, number)
                        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
                    metadata.apply(file)?;
                }
                rustix::fs::renameat(files, number, directory, name)
            }
            EntryKind::HardLink(_) => {
                let target = link_to.ok_or(Errno::NOENT)?;
                let (from, from_name) = self.root.parent(target).map_err(|_error| Errno::NOENT)?;
                unlink(directory, name)?;
                rustix::fs::linkat(from, from_name, directory, name, AtFlags::empty())
            }
            EntryKind::Symlink(link) => {
                unlink(directory, name)?;
                rustix::fs::symlinkat(OsStr::from_bytes(link), directory, name)?;
                metadata.apply_to_link(directory, name)
            }
            EntryKind::Fifo => {
                unlink(directory, name)?;
                rustix::fs::mkfifoat(directory, name, Mode::from_raw_mode(0o600))?;
                rustix::fs::chmodat(
                    directory,
                    name,
                    Mode::from_raw_mode(metadata.mode),
                    AtFlags::empty(),
                )?;
                metadata.apply_to_link(directory, name)
            }
        }
    }

    /// Where a package's path goes, given the diversions of others.
    fn diverted(&self, path: &ImagePath, package: &str) -> Result<ImagePath, String> {
        match self.overrides.diverted(path, package) {
            Some(to) => ImagePath::parse(to).map_err(|rule| format!("its diversion: {rule}")),
            None => Ok(path.clone()),
        }
    }
}

/// What package `package` puts in an entry's place.
fn claim(package: usize, entry: &Entry) -> Owner {
    let size = match &entry.kind {
        EntryKind::Regular(size) => *size,
        EntryKind::Symlink(target) => u64::try_from(target.len()).unwrap_or(u64::MAX),
        EntryKind::HardLink(_) | EntryKind::Directory | EntryKind::Fifo => 0,
    };
    Owner {
        package,
        directory: entry.kind == EntryKind::Directory,
        size,
        mtime: entry.mtime,
    }
}

fn unlink(directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) | Ok(()) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The name under which a conffile waits for dpkg to configure it.
fn beside(path: &ImagePath) -> Result<ImagePath, String> {
    ImagePath::parse([path.as_bytes(), b".dpkg-new"].concat()).map_err(|rule| rule.to_string())
}

/// The paths of `conffiles` that the package brings: deb-conffiles(5).
fn conffiles(deb: &Deb) -> BTreeSet<ImagePath> {
    deb.control
        .conffiles()
        .into_iter()
        .filter(|(_, flag)| flag.is_none())
        .map(|(path, _)| path)
        .collect()
}

fn system(error: impl std::fmt::Display) -> StageError {
    StageError::system(error)
}
