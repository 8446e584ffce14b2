//! Answers of the system, with their place.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::path::Escaped;

/// What was tried, on which path, and what the system answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {op} {}: {source}", Escaped(path.as_os_str().as_bytes()))]
pub struct IoError {
    /// What was tried, as a verb: `read`, `write`, `create` …
    pub op: &'static str,
    /// On which path.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

impl IoError {
    /// Ties an answer of the system to its place.
    pub fn new(op: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self {
            op,
            path: path.into(),
            source: source.into(),
        }
    }

    /// Whether the path does not exist.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Adds the operation and the path to an I/O result.
pub trait IoContext<T> {
    /// As the trait says.
    ///
    /// # Errors
    /// The error of `self`, with its place.
    fn at(self, op: &'static str, path: impl AsRef<Path>) -> Result<T, IoError>;
}

impl<T, E: Into<io::Error>> IoContext<T> for Result<T, E> {
    fn at(self, op: &'static str, path: impl AsRef<Path>) -> Result<T, IoError> {
        self.map_err(|source| IoError::new(op, path.as_ref(), source))
    }
}
