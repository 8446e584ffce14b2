//! Advisory locks (flock(2)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::{IoContext, IoError};

/// An advisory lock on a file, released when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the exclusive lock on `path`, creating the file if need be.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn exclusive(path: impl AsRef<Path>) -> Result<Self, IoError> {
        Self::take(path.as_ref(), FlockOperation::LockExclusive)
    }

    /// Waits for a shared lock on `path`, creating the file if need be.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn shared(path: impl AsRef<Path>) -> Result<Self, IoError> {
        Self::take(path.as_ref(), FlockOperation::LockShared)
    }

    /// The exclusive lock on `path` if nobody holds it; `None` otherwise.
    ///
    /// # Errors
    /// The file cannot be created or locked for another reason.
    pub fn try_exclusive(path: impl AsRef<Path>) -> Result<Option<Self>, IoError> {
        match Self::take(path.as_ref(), FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.source.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for the exclusive lock on a directory itself, which leaves no file in it; `None` where
    /// the file system (NFS) locks no directories.
    ///
    /// # Errors
    /// It cannot be opened, or not be locked for another reason.
    pub fn directory(path: impl AsRef<Path>) -> Result<Option<Self>, IoError> {
        let path = path.as_ref();
        let file = File::open(path).at("open", path)?;
        match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::BADF | Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => Ok(None),
            Err(errno) => Err(errno).at("lock", path),
        }
    }

    fn take(path: &Path, operation: FlockOperation) -> Result<Self, IoError> {
        let file = lock(path, operation, "create")?;
        Ok(Self { _file: file })
    }
}

/// Opens a regular file for reading and writing, made (0600) if it is missing, and waits for the
/// exclusive lock on it. The lock ends with the file.
///
/// # Errors
/// It cannot be opened, made or locked.
pub fn open_locked(path: impl AsRef<Path>) -> Result<File, IoError> {
    lock(path.as_ref(), FlockOperation::LockExclusive, "open")
}

/// Locks the file at `path`, made if it is missing; `tried` is the word for a failure to open it.
fn lock(path: &Path, operation: FlockOperation, tried: &'static str) -> Result<File, IoError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .at(tried, path)?;
    rustix::fs::flock(&file, operation).at("lock", path)?;
    Ok(file)
}
