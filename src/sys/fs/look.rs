//! What is there, without reading it.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{IoContext, IoError};

/// Whether anything is at `path` (a dangling symbolic link counts).
///
/// # Errors
/// The system would not say.
pub fn exists(path: impl AsRef<Path>) -> Result<bool, IoError> {
    let path = path.as_ref();
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(IoError::new("stat", path, error)),
    }
}

/// Whether `path` is a directory, or a symbolic link to one; nothing there is none.
///
/// # Errors
/// The system would not say.
pub fn is_dir(path: impl AsRef<Path>) -> Result<bool, IoError> {
    let path = path.as_ref();
    match std::fs::metadata(path) {
        Ok(stat) => Ok(stat.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(IoError::new("stat", path, error)),
    }
}

/// Refuses a path that leads to a device, FIFO or socket: a file that is written and renamed would
/// take its place, and `/dev/null` would be none any more.
///
/// # Errors
/// It leads to one, or the system would not say.
pub fn refuse_special(path: impl AsRef<Path>) -> Result<(), IoError> {
    let path = path.as_ref();
    match std::fs::metadata(path) {
        Ok(stat) if stat.is_file() || stat.is_dir() => Ok(()),
        Ok(_) => {
            let special = io::Error::other("a device, FIFO or socket is there, no file");
            Err(IoError::new("replace", path, special))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(IoError::new("stat", path, error)),
    }
}

/// The names in a directory, in bytewise order.
///
/// # Errors
/// It cannot be read.
pub fn list(path: impl AsRef<Path>) -> Result<Vec<OsString>, IoError> {
    let path = path.as_ref();
    #[expect(clippy::disallowed_methods, reason = "sorted below")]
    let entries = std::fs::read_dir(path).at("list", path)?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.at("list", path)?.file_name());
    }
    names.sort();
    Ok(names)
}

/// As [`list`], of at most `cap` names.
///
/// # Errors
/// It cannot be read, or has more.
pub fn list_up_to(path: impl AsRef<Path>, cap: usize) -> Result<Vec<OsString>, IoError> {
    let path = path.as_ref();
    #[expect(clippy::disallowed_methods, reason = "sorted below")]
    let entries = std::fs::read_dir(path).at("list", path)?;
    let mut names = Vec::new();
    for entry in entries {
        if names.len() >= cap {
            let many = io::Error::other(format!("it holds more than {cap} names"));
            return Err(IoError::new("list", path, many));
        }
        names.push(entry.at("list", path)?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Whether `path` is a directory itself; a link to one is none.
///
/// # Errors
/// The system would not say, or nothing is there.
pub fn is_real_dir(path: impl AsRef<Path>) -> Result<bool, IoError> {
    let path = path.as_ref();
    Ok(std::fs::symlink_metadata(path).at("stat", path)?.is_dir())
}

/// The permission bits of `path`, its owner and group, without following a link.
///
/// # Errors
/// It cannot be examined.
pub fn mode_and_owner(path: impl AsRef<Path>) -> Result<(u32, u32, u32), IoError> {
    let path = path.as_ref();
    let stat = std::fs::symlink_metadata(path).at("stat", path)?;
    Ok((stat.mode() & 0o7777, stat.uid(), stat.gid()))
}

/// Bytes that the file system of `path` still has for ordinary users.
///
/// # Errors
/// The system would not say.
pub fn spare(path: impl AsRef<Path>) -> Result<u64, IoError> {
    let path = path.as_ref();
    let stat = rustix::fs::statvfs(path).at("examine", path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// `path` made absolute by the working directory, without resolving links.
///
/// # Errors
/// There is no working directory, or the path is empty.
pub fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, IoError> {
    std::path::absolute(path.as_ref()).at("locate", path)
}

/// The directory that holds the program that is running.
///
/// # Errors
/// The system does not say.
pub fn program_dir() -> Result<PathBuf, IoError> {
    let program = std::env::current_exe().at("locate", "/proc/self/exe")?;
    Ok(program
        .parent()
        .map_or_else(|| PathBuf::from("/"), Path::to_owned))
}
