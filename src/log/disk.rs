//! The operations on files that a log is made of.

use super::Source;
use crate::sys::fs::{Beneath, IoError};

/// A directory of files that can be changed. Tests put one in the place of the file system that stops
/// at any operation, and forgets what was not made durable.
pub trait Disk: Source {
    /// Makes a directory; gives whether it was not there before.
    ///
    /// # Errors
    /// It cannot be made.
    fn make_directory(&self, path: &str) -> Result<bool, IoError>;

    /// Writes a file, in place of what it held; nothing is durable yet.
    ///
    /// # Errors
    /// It cannot be written, or not to its end.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), IoError>;

    /// Makes the bytes of a file, or the names in a directory, durable.
    ///
    /// # Errors
    /// They may be lost.
    fn sync(&self, path: &str) -> Result<(), IoError>;

    /// Gives a file another name, in place of what had that name.
    ///
    /// # Errors
    /// It has its old name, or nobody knows.
    fn rename(&self, from: &str, to: &str) -> Result<(), IoError>;

    /// Removes a file, or a directory that holds nothing.
    ///
    /// # Errors
    /// It is still there.
    fn remove(&self, path: &str) -> Result<(), IoError>;
}

impl Disk for Beneath {
    fn make_directory(&self, path: &str) -> Result<bool, IoError> {
        self.make_directory(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), IoError> {
        self.write(path, bytes)
    }

    fn sync(&self, path: &str) -> Result<(), IoError> {
        self.sync(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<(), IoError> {
        self.remove(path)
    }
}
