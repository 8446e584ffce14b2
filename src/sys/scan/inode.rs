//! One inode: examination, opening, link target, extended attributes.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode as OpenMode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::Errno;

use crate::appraise::{InodeKey, Observed, ObservedKind};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Device, Mode, Xattrs};

/// Nothing outside of the directory, no link of any kind, no other mount.
const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// What an examination says.
pub(super) struct Examined(Statx);

/// Examines `name` in `directory` without following it or mounting anything there; an empty name is
/// the directory itself.
pub(super) fn examine(directory: impl AsFd, name: &CStr) -> Result<Examined, Errno> {
    let mut flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    if name.is_empty() {
        flags |= AtFlags::EMPTY_PATH;
    }
    let mask = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    rustix::fs::statx(directory, name, flags, mask).map(Examined)
}

impl Examined {
    pub(super) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(u32::from(self.0.stx_mode))
    }

    pub(super) fn size(&self) -> u64 {
        self.0.stx_size
    }

    pub(super) fn is_same_inode(&self, other: &Self) -> bool {
        self.key() == other.key() && self.file_type() == other.file_type()
    }

    /// Whether nothing happened to the inode between two examinations.
    pub(super) fn is_unchanged(&self, other: &Self) -> bool {
        let times = |stat: &Statx| {
            let (modified, changed) = (&stat.stx_mtime, &stat.stx_ctime);
            (
                (modified.tv_sec, modified.tv_nsec),
                (changed.tv_sec, changed.tv_nsec),
            )
        };
        self.is_same_inode(other)
            && self.0.stx_size == other.0.stx_size
            && times(&self.0) == times(&other.0)
    }

    /// Whether it lies on the same mount as `root`.
    pub(super) fn is_on_mount_of(&self, root: &Self) -> bool {
        let (ours, theirs) = (&self.0, &root.0);
        let knows = |stat: &Statx| stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        if knows(ours) && knows(theirs) {
            // Device numbers would mislead: one btrfs or overlay has many.
            ours.stx_mnt_id == theirs.stx_mnt_id
        } else {
            (ours.stx_dev_major, ours.stx_dev_minor) == (theirs.stx_dev_major, theirs.stx_dev_minor)
        }
    }

    fn key(&self) -> InodeKey {
        let device = u64::from(self.0.stx_dev_major) << 32 | u64::from(self.0.stx_dev_minor);
        InodeKey(device, self.0.stx_ino)
    }

    pub(super) fn observed(
        &self,
        path: ImagePath,
        kind: ObservedKind,
        xattrs: Option<Xattrs>,
    ) -> Observed {
        Observed {
            path,
            mode: Mode::of_st_mode(u32::from(self.0.stx_mode)),
            uid: self.0.stx_uid,
            gid: self.0.stx_gid,
            kind,
            links: u64::from(self.0.stx_nlink),
            inode: self.key(),
            xattrs,
        }
    }

    pub(super) fn device(&self) -> Device {
        Device {
            major: self.0.stx_rdev_major,
            minor: self.0.stx_rdev_minor,
        }
    }
}

/// Whether something lies on an overlay.
pub(super) fn is_overlay(file: impl AsFd) -> bool {
    /// `OVERLAYFS_SUPER_MAGIC` of `linux/magic.h`.
    const OVERLAY: u64 = 0x794c_7630;
    rustix::fs::fstatfs(file).is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(OVERLAY))
}

/// Whether something lies on the kernel's own `/proc`, rather than on what was put in its place.
pub(super) fn is_proc(file: impl AsFd) -> bool {
    /// `PROC_SUPER_MAGIC` of `linux/magic.h`.
    const PROC: u64 = 0x9fa0;
    rustix::fs::fstatfs(file).is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(PROC))
}

/// Opens a directory by its path from the root's descriptor.
pub(super) fn open_directory(root: impl AsFd, path: &ImagePath) -> Result<OwnedFd, Errno> {
    open_relative(root, path.relative())
}

/// As [`open_directory`], by what the path is below it; an empty one is the directory itself.
pub(super) fn open_relative(root: impl AsFd, relative: &[u8]) -> Result<OwnedFd, Errno> {
    let relative = if relative.is_empty() { b"." } else { relative };
    open(root, relative, OFlags::DIRECTORY)
}

/// Opens what is mounted at a path, from the root's descriptor: the only way to another mount.
pub(super) fn open_mounted(root: impl AsFd, path: &ImagePath) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = RESOLVE.difference(ResolveFlags::NO_XDEV);
    rustix::fs::openat2(root, path.relative(), flags, OpenMode::empty(), resolve)
}

/// Opens a regular file by its name in its directory.
pub(super) fn open_file(directory: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    open(directory, name.to_bytes(), OFlags::empty())
}

fn open(at: impl AsFd, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags
        | OFlags::RDONLY
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let at = at.as_fd();
    let with = |flags| rustix::fs::openat2(at, path, flags, OpenMode::empty(), RESOLVE);
    match with(flags | OFlags::NOATIME) {
        // Only the owner and root may leave the access time alone.
        Err(Errno::PERM) => with(flags),
        answer => answer,
    }
}

/// The target of a symbolic link.
pub(super) fn read_link(directory: impl AsFd, name: &CStr) -> Result<Vec<u8>, Errno> {
    rustix::fs::readlinkat(directory, name, Vec::with_capacity(256))
        .map(std::ffi::CString::into_bytes)
}

/// Why attributes could not be read.
pub(super) enum XattrError {
    /// The system's answer.
    System(Errno),
    /// More or larger ones than Linux allows or karat reads.
    TooMany,
}

impl std::fmt::Display for XattrError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(errno) => std::io::Error::from(*errno).fmt(f),
            Self::TooMany => write!(f, "there are more than {}", limits::XATTRS_MAX),
        }
    }
}

/// All extended attributes of an open file or directory.
pub(super) fn xattrs(file: BorrowedFd<'_>) -> Result<Xattrs, XattrError> {
    read_xattrs(
        |list| rustix::fs::flistxattr(file, list),
        |name, value| rustix::fs::fgetxattr(file, name, value),
    )
}

/// How to name an inode that cannot or must not be opened: before Linux 6.13 its attributes are
/// reached by a path only.
pub(super) enum Names {
    /// `/proc/self/fd` names a directory by its descriptor, so that only the last component is
    /// looked up.
    ByDescriptor,
    /// There is no `/proc`: by the path of the root, where nobody else may change what is scanned.
    ByPath(Vec<u8>),
}

impl Names {
    /// What this process can use for a tree at `root`.
    pub(super) fn of(root: &[u8]) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open("/proc/self/fd", flags, OpenMode::empty()) {
            Ok(links) if is_proc(&links) => Self::ByDescriptor,
            _ => Self::ByPath(root.to_vec()),
        }
    }

    fn of_entry(&self, directory: BorrowedFd<'_>, path: &ImagePath) -> Vec<u8> {
        match self {
            Self::ByDescriptor => {
                let mut name = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
                name.extend_from_slice(path.name().unwrap_or(b"."));
                name
            }
            Self::ByPath(root) => {
                let mut name = root.clone();
                name.extend_from_slice(path.as_bytes());
                name
            }
        }
    }
}

/// All extended attributes of what cannot or must not be opened: `path`, which lies in `directory`
/// and is not followed.
pub(super) fn xattrs_at(
    names: &Names,
    directory: BorrowedFd<'_>,
    path: &ImagePath,
) -> Result<Xattrs, XattrError> {
    let path = names.of_entry(directory, path);
    read_xattrs(
        |list| rustix::fs::llistxattr(path.as_slice(), list),
        |name, value| rustix::fs::lgetxattr(path.as_slice(), name, value),
    )
}

/// Largest list of names: Linux' `XATTR_LIST_MAX`.
const LIST_MAX: usize = 65_536;

fn read_xattrs(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    value: impl Fn(&CStr, &mut [u8]) -> Result<usize, Errno>,
) -> Result<Xattrs, XattrError> {
    let mut xattrs = Xattrs::new();
    let mut small = [0; 256];
    let mut large = Vec::new();
    let names = match filled(&list, &mut small, &mut large, LIST_MAX) {
        // Such file systems have none.
        Err(Errno::NOTSUP) => return Ok(xattrs),
        answer => answer.map_err(XattrError::System)?,
    };
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if xattrs.len() >= limits::XATTRS_MAX {
            return Err(XattrError::TooMany);
        }
        let mut small = [0; 256];
        let mut large = Vec::new();
        let read = |buffer: &mut [u8]| value(name, buffer);
        let value = filled(&read, &mut small, &mut large, limits::XATTR_VALUE_MAX)
            .map_err(XattrError::System)?;
        xattrs.insert(name.to_bytes().to_vec(), value.to_vec());
    }
    Ok(xattrs)
}

/// What `read` puts into a buffer: the small one, or a large one where it does not fit.
fn filled<'a>(
    read: &impl Fn(&mut [u8]) -> Result<usize, Errno>,
    small: &'a mut [u8],
    large: &'a mut Vec<u8>,
    max: usize,
) -> Result<&'a [u8], Errno> {
    match read(small) {
        Ok(count) => Ok(small.get(..count).unwrap_or_default()),
        Err(Errno::RANGE) => {
            large.resize(max, 0);
            let count = read(large)?;
            Ok(large.get(..count).unwrap_or_default())
        }
        Err(errno) => Err(errno),
    }
}
