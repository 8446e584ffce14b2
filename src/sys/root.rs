//! A directory as a root: every path is resolved inside it, as a process chrooted there would.
//!
//! Whoever wrote the links and names in it cannot lead an operation outside: parents are opened
//! with `openat2(2)` `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`, last components are never followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::fs::{IoContext as _, IoError};
use crate::path::ImagePath;
use crate::tree::Xattrs;

/// A directory that stands for `/`.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
}

/// What a path leads to, its last component not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its type.
    pub kind: FileType,
    /// Its inode number.
    pub inode: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// `st_mode` with its file type bits.
    pub mode: u32,
    /// Size in bytes.
    pub size: u64,
    /// Time of last change, whole seconds; what lies before 1970 counts as 1970.
    pub mtime: u64,
    /// How many names it has.
    pub links: u64,
    /// Which file system it is on.
    pub device: u64,
    /// For a device: its number.
    pub rdev: (u32, u32),
}

impl Root {
    /// Takes the directory `path` as a root.
    ///
    /// # Errors
    /// It cannot be opened, or is no directory.
    pub fn open(path: &Path) -> Result<Self, IoError> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = rustix::fs::open(path, flags, Mode::empty()).at("open", path)?;
        Ok(Self { fd })
    }

    /// Opens a directory, symbolic links on the way and at its end followed inside the root.
    ///
    /// # Errors
    /// There is none.
    pub fn directory(&self, path: &ImagePath) -> Result<OwnedFd, IoError> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        self.open_with(path, flags)
            .map_err(|errno| at(path, "open", errno))
    }

    /// The directory that holds `path`, symbolic links followed inside the root, and the name in
    /// it; for `/` the root and `.`.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn parent<'a>(&self, path: &'a ImagePath) -> Result<(OwnedFd, &'a OsStr), IoError> {
        let parent = path.parent().unwrap_or_else(ImagePath::root);
        let name = OsStr::from_bytes(path.name().unwrap_or(b"."));
        Ok((self.directory(&parent)?, name))
    }

    /// What is at `path`; `None` where nothing is, or where a parent is missing.
    ///
    /// # Errors
    /// The system would not say.
    pub fn find(&self, path: &ImagePath) -> Result<Option<Found>, IoError> {
        let parent = path.parent().unwrap_or_else(ImagePath::root);
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
        let directory = match self.open_with(&parent, flags) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(at(path, "examine", errno)),
        };
        let name = OsStr::from_bytes(path.name().unwrap_or(b"."));
        find_at(&directory, name).map_err(|errno| at(path, "examine", errno))
    }

    /// Whether `path` is a directory once symbolic links are followed inside the root.
    pub fn is_directory(&self, path: &ImagePath) -> bool {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
        self.open_with(path, flags).is_ok()
    }

    /// All bytes of a regular file of at most `cap` bytes, links followed inside the root; `None`
    /// where there is nothing.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, or is larger.
    pub fn read(&self, path: &ImagePath, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match self.open_with(path, flags) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(at(path, "open", errno)),
        };
        let file = File::from(fd);
        let shown = PathBuf::from(OsStr::from_bytes(path.as_bytes()));
        if !file.metadata().at("stat", &shown)?.is_file() {
            return Err(at(path, "read", Errno::INVAL));
        }
        super::fs::read_all(file, cap).at("read", &shown).map(Some)
    }

    /// All bytes of the regular file of at most `cap` bytes at `path` itself: its last component is
    /// not followed.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is larger.
    pub fn bytes(&self, path: &ImagePath, cap: u64) -> Result<Vec<u8>, IoError> {
        let shown = PathBuf::from(OsStr::from_bytes(path.as_bytes()));
        let (directory, name) = self.parent(path)?;
        let file = open_at(&directory, name).at("open", &shown)?;
        if !file.metadata().at("stat", &shown)?.is_file() {
            return Err(at(path, "read", Errno::INVAL));
        }
        super::fs::read_all(file, cap).at("read", &shown)
    }

    /// Puts a regular file (root's, mode exactly `mode`) at `path`, in the place of any other
    /// non-directory.
    ///
    /// # Errors
    /// Its directory is missing, or it cannot be written.
    pub fn write(&self, path: &ImagePath, bytes: &[u8], mode: u32) -> Result<(), IoError> {
        let shown = PathBuf::from(OsStr::from_bytes(path.as_bytes()));
        self.remove(path)?;
        let (directory, name) = self.parent(path)?;
        let mut file = create_at(&directory, name).at("create", &shown)?;
        file.write_all(bytes).at("write", &shown)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).at("chmod", &shown)
    }

    /// Removes a non-directory, or nothing.
    ///
    /// # Errors
    /// It is a directory, or cannot be removed.
    pub fn remove(&self, path: &ImagePath) -> Result<(), IoError> {
        let (directory, name) = match self.parent(path) {
            Ok(place) => place,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(at(path, "remove", errno)),
        }
    }

    /// Removes an empty directory; one that is not empty stays.
    ///
    /// # Errors
    /// It cannot be removed for another reason.
    pub fn remove_empty_directory(&self, path: &ImagePath) -> Result<(), IoError> {
        let (directory, name) = self.parent(path)?;
        match rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
            Err(errno) => Err(at(path, "remove", errno)),
        }
    }

    /// Makes a directory with exactly `mode`; one that is there already is left alone.
    ///
    /// # Errors
    /// Its parent is missing, or something else stands there.
    pub fn make_directory(&self, path: &ImagePath, mode: u32) -> Result<(), IoError> {
        if self.is_directory(path) {
            return Ok(());
        }
        let (directory, name) = self.parent(path)?;
        let mode = Mode::from_raw_mode(mode);
        rustix::fs::mkdirat(&directory, name, mode)
            .and_then(|()| rustix::fs::chmodat(&directory, name, mode, AtFlags::empty()))
            .map_err(|errno| at(path, "create", errno))
    }

    /// Makes a symbolic link; whatever is there already is left alone.
    ///
    /// # Errors
    /// Its directory is missing, or it cannot be made.
    pub fn make_link(&self, path: &ImagePath, target: &str) -> Result<(), IoError> {
        let (directory, name) = self.parent(path)?;
        match rustix::fs::symlinkat(target, directory, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(at(path, "create", errno)),
        }
    }

    fn open_with(&self, path: &ImagePath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let relative: &[u8] = if path.is_root() {
            b"."
        } else {
            path.relative()
        };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            match rustix::fs::openat2(
                &self.fd,
                OsStr::from_bytes(relative),
                flags,
                Mode::empty(),
                resolve,
            ) {
                // A rename elsewhere on the machine raced with the walk: the kernel says try again.
                Err(Errno::AGAIN) => {}
                answer => return answer,
            }
        }
    }
}

fn at(path: &ImagePath, op: &'static str, errno: Errno) -> IoError {
    IoError::new(op, OsStr::from_bytes(path.as_bytes()), errno)
}

/// Metadata to give to an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The twelve mode bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u64,
}

impl Metadata {
    fn times(&self) -> Timestamps {
        let time = Timespec {
            tv_sec: i64::try_from(self.mtime).unwrap_or(i64::MAX),
            tv_nsec: 0,
        };
        Timestamps {
            last_access: time,
            last_modification: time,
        }
    }

    /// Gives it to an open file or directory. Mode comes last, since a change of owner clears
    /// set-id bits.
    ///
    /// # Errors
    /// The system refuses: an owner that is not mapped in this namespace, say.
    pub fn apply(&self, file: impl AsFd) -> rustix::io::Result<()> {
        let file = file.as_fd();
        if (self.uid, self.gid) != (0, 0) {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            rustix::fs::fchown(file, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode))?;
        rustix::fs::futimens(file, &self.times())
    }

    /// Gives owner and times to the symbolic link `name`; links have no mode of their own.
    ///
    /// # Errors
    /// As [`Metadata::apply`].
    pub fn apply_to_link(&self, directory: impl AsFd, name: &OsStr) -> rustix::io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let directory = directory.as_fd();
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(directory, name, Some(uid), Some(gid), flags)?;
        rustix::fs::utimensat(directory, name, &self.times(), flags)
    }
}

/// Creates a new regular file for writing; one that is there already is an error.
///
/// # Errors
/// It exists or cannot be created.
pub fn create_at(directory: impl AsFd, name: &OsStr) -> std::io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Opens a regular file for reading, not following a link.
///
/// # Errors
/// It cannot be opened.
pub fn open_at(directory: impl AsFd, name: &OsStr) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?.into())
}

/// Opens a directory, not following a link.
///
/// # Errors
/// It cannot be opened, or is none.
pub fn open_directory_at(directory: impl AsFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::DIRECTORY;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// The kind of file system that an open directory is on: the number that statfs(2) gives for it.
///
/// # Errors
/// The system would not say.
pub fn file_system(directory: impl AsFd) -> rustix::io::Result<u64> {
    let kind = rustix::fs::fstatfs(directory)?.f_type;
    // As wide, and as signed, as the machine has it.
    u64::try_from(kind).map_err(|_too_wide| Errno::OVERFLOW)
}

/// What `name` in a directory is, not following a link; `None` where there is nothing.
///
/// # Errors
/// The system would not say.
pub fn find_at(directory: impl AsFd, name: &OsStr) -> rustix::io::Result<Option<Found>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Found {
            kind: FileType::from_raw_mode(stat.st_mode),
            inode: stat.st_ino,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: stat.st_mode,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: u64::try_from(stat.st_mtime).unwrap_or(0),
            // As wide as the machine has it.
            #[expect(clippy::useless_conversion, reason = "u32 on some machines")]
            links: u64::from(stat.st_nlink),
            device: stat.st_dev,
            rdev: (
                rustix::fs::major(stat.st_rdev),
                rustix::fs::minor(stat.st_rdev),
            ),
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The names in an open directory, in bytewise order.
///
/// # Errors
/// It cannot be read.
pub fn names(directory: impl AsFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// As [`names`]; `None` where there are more than `max`.
///
/// # Errors
/// It cannot be read.
pub fn names_up_to(directory: impl AsFd, max: usize) -> rustix::io::Result<Option<Vec<Vec<u8>>>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if names.len() >= max {
            return Ok(None);
        }
        names.push(name.to_vec());
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// The target of the symbolic link `name`.
///
/// # Errors
/// It is none, or cannot be read.
pub fn link_target(directory: impl AsFd, name: &OsStr) -> rustix::io::Result<Vec<u8>> {
    rustix::fs::readlinkat(directory, name, Vec::new()).map(std::ffi::CString::into_bytes)
}

/// The extended attributes of `name`, a link not followed.
///
/// # Errors
/// They cannot be read. A file system without any has none.
pub fn xattrs(directory: impl AsFd, name: &OsStr) -> rustix::io::Result<Xattrs> {
    // The calls that take a directory and a name are newer than the kernels karat runs on.
    let mut path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd()));
    path.push(name);
    let mut list: Vec<u8> = Vec::with_capacity(256);
    loop {
        match rustix::fs::llistxattr(&path, rustix::buffer::spare_capacity(&mut list)) {
            Ok(_) => break,
            Err(Errno::RANGE) if list.capacity() < 1 << 20 => {
                list.reserve(list.capacity().saturating_mul(2));
            }
            Err(Errno::NOTSUP) => return Ok(Xattrs::new()),
            Err(errno) => return Err(errno),
        }
    }
    let mut xattrs = Xattrs::new();
    for attribute in list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let attribute_name = OsStr::from_bytes(attribute);
        let mut value: Vec<u8> = Vec::with_capacity(crate::limits::XATTR_VALUE_MAX);
        rustix::fs::lgetxattr(
            &path,
            attribute_name,
            rustix::buffer::spare_capacity(&mut value),
        )?;
        xattrs.insert(attribute.to_vec(), value);
    }
    Ok(xattrs)
}
