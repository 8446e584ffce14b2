//! Files that nobody but root, or whoever runs this, can have written.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{IoContext, IoError, open_directory, read_all};

/// All bytes of a regular file of at most `cap` bytes that belongs to root, or to whoever runs this,
/// and that nobody else may write. A link at its end is not followed.
///
/// # Errors
/// It cannot be read, is no regular file or larger, or another user could have written it.
pub fn read_ours(path: impl AsRef<Path>, cap: u64) -> Result<Vec<u8>, IoError> {
    let path = path.as_ref();
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).at("open", path)?);
    if !file.metadata().at("stat", path)?.is_file() {
        let other = io::Error::other("it is not a regular file");
        return Err(IoError::new("read", path, other));
    }
    check(&file, path)?;
    read_all(file, cap).at("read", path)
}

/// Refuses a directory in which another user than root, or whoever runs this, could change names.
///
/// # Errors
/// It is no directory, or somebody could.
pub fn directory_is_ours(path: impl AsRef<Path>) -> Result<(), IoError> {
    let path = path.as_ref();
    check(&File::from(open_directory(path)?), path)
}

/// Whether two paths lead to the same file or directory, links followed.
///
/// # Errors
/// One of them cannot be examined.
pub fn same(one: impl AsRef<Path>, other: impl AsRef<Path>) -> Result<bool, IoError> {
    let stat = |path: &Path| std::fs::metadata(path).at("stat", path);
    let (one, other) = (stat(one.as_ref())?, stat(other.as_ref())?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

fn check(file: &File, path: &Path) -> Result<(), IoError> {
    let stat = file.metadata().at("stat", path)?;
    let ours = rustix::process::geteuid().as_raw();
    let fault = if stat.uid() != 0 && stat.uid() != ours {
        format!(
            "it belongs to the user {}, who could have changed it",
            stat.uid()
        )
    } else if stat.mode() & 0o022 != 0 {
        format!(
            "its mode {:04o} lets others change it",
            stat.mode() & 0o7777
        )
    } else {
        return Ok(());
    };
    Err(IoError::new("believe", path, io::Error::other(fault)))
}
