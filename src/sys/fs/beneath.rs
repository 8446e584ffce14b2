//! A directory in which nothing is a link: files are named by paths below it, and whatever is
//! reached through a symbolic link is refused.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::{IoContext as _, IoError, open_directory, read_all};

/// A directory, held open; all paths are relative to it.
///
/// Paths are resolved with `openat2(2)` `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
/// RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV`.
#[derive(Debug)]
pub struct Beneath {
    directory: OwnedFd,
    path: PathBuf,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The name, as bytes.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: ListedKind,
}

/// What a name in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link, device, socket or FIFO.
    Other,
}

impl Beneath {
    /// Opens the directory `path`; a link at its own end is refused as well.
    ///
    /// # Errors
    /// It cannot be opened, or is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref();
        Ok(Self {
            directory: open_directory(path)?,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All bytes of a regular file of at most `cap` bytes; `None` where nothing is there.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, or is larger.
    pub fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match self.resolve(path, flags) {
            Err(Errno::NOENT) => return Ok(None),
            answer => File::from(answer.at("read", self.path.join(path))?),
        };
        let place = self.path.join(path);
        if !file.metadata().at("stat", &place)?.is_file() {
            let other = io::Error::other("it is not a regular file");
            return Err(IoError::new("read", place, other));
        }
        read_all(file, cap).at("read", place).map(Some)
    }

    /// The names in a directory, in order; `None` where nothing is there.
    ///
    /// # Errors
    /// It is no directory, or cannot be read.
    pub fn list(&self, path: &str) -> Result<Option<Vec<Listed>>, IoError> {
        let place = self.path.join(path);
        let directory = match self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => return Ok(None),
            answer => answer.at("list", &place)?,
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&directory).at("list", &place)? {
            let entry = entry.at("list", &place)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .at("list", &place)?;
            names.push(Listed {
                name: name.to_bytes().to_vec(),
                kind: match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => ListedKind::Directory,
                    FileType::RegularFile => ListedKind::File,
                    _ => ListedKind::Other,
                },
            });
        }
        names.sort();
        Ok(Some(names))
    }

    /// Makes a directory; gives whether it was not there before.
    ///
    /// # Errors
    /// It cannot be made, or something else has its name.
    pub fn make_directory(&self, path: &str) -> Result<bool, IoError> {
        let (parent, name) = self.parent(path)?;
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => {
                let there = self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY);
                there.at("create", self.path.join(path))?;
                Ok(false)
            }
            Err(errno) => Err(errno).at("create", self.path.join(path)),
        }
    }

    /// Writes a file, in place of what it held; nothing is durable yet.
    ///
    /// # Errors
    /// It cannot be written, or something that is no regular file has its name.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), IoError> {
        let place = self.path.join(path);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut file = File::from(self.resolve(path, flags).at("write", &place)?);
        if !file.metadata().at("stat", &place)?.is_file() {
            let other = io::Error::other("it is not a regular file");
            return Err(IoError::new("write", place, other));
        }
        file.set_len(0).at("write", &place)?;
        file.write_all(bytes).at("write", place)
    }

    /// Makes the bytes of a file, or the names in a directory, durable.
    ///
    /// # Errors
    /// The system says that they are not.
    pub fn sync(&self, path: &str) -> Result<(), IoError> {
        let place = self.path.join(path);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.resolve(path, flags).at("sync", &place)?;
        rustix::fs::fsync(&file).at("sync", place)
    }

    /// Gives a file another name, in place of what had that name.
    ///
    /// # Errors
    /// The system refused.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        let (old, old_name) = self.parent(from)?;
        let (new, new_name) = self.parent(to)?;
        rustix::fs::renameat(&old, old_name, &new, new_name).at("write", self.path.join(to))
    }

    /// Removes a file, or a directory that holds nothing.
    ///
    /// # Errors
    /// The system refused.
    pub fn remove(&self, path: &str) -> Result<(), IoError> {
        let (parent, name) = self.parent(path)?;
        let removed = match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR),
            answer => answer,
        };
        removed.at("remove", self.path.join(path))
    }

    /// The directory that holds `path`, and the name in it.
    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), IoError> {
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let parent = self.resolve(parent, flags);
        Ok((parent.at("open", self.path.join(path))?, name))
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mode = if flags.contains(OFlags::CREATE) {
            Mode::from_raw_mode(0o666)
        } else {
            Mode::empty()
        };
        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV;
        let path = if path.is_empty() { "." } else { path };
        loop {
            let flags = flags | OFlags::CLOEXEC;
            match rustix::fs::openat2(self.directory.as_fd(), path, flags, mode, resolve) {
                // A rename elsewhere on the machine raced with the walk: the kernel says try again.
                Err(Errno::AGAIN) => {}
                answer => return answer,
            }
        }
    }
}
