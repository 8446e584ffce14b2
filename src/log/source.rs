//! Where a log is read from.

use crate::sys::fs::{Beneath, IoError, Listed};

/// A place that has a log's files: a directory, a web server, a bucket.
///
/// Nothing that comes from it is trusted: [`super::Log`] compares it with the tree that the
/// checkpoint names.
pub trait Source {
    /// All bytes of a file of at most `cap` bytes; `None` where nothing is there.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, or is larger.
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError>;

    /// The names in a directory, in order.
    ///
    /// # Errors
    /// It cannot be read.
    fn list(&self, path: &str) -> Result<Names, IoError>;

    /// Tells which files will be read next, each with its cap: a source that is far away fetches them
    /// at the same time. Whatever goes wrong shows when they are read.
    fn ahead(&self, _files: &[(String, u64)]) {}

    /// Tells that what was read of a file is not what the tree wants. Says whether it came from a
    /// store of the source's own, which has forgotten it by now: then it is worth to read it again.
    fn doubt(&self, _path: &str) -> bool {
        false
    }
}

/// The answer to [`Source::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// Such a source cannot tell: a web server.
    Untold,
    /// There is no such directory.
    Missing,
    /// What is there.
    Listed(Vec<Listed>),
}

impl Names {
    /// What is known to be there.
    pub fn known(self) -> Vec<Listed> {
        match self {
            Self::Listed(listed) => listed,
            Self::Untold | Self::Missing => Vec::new(),
        }
    }
}

impl Source for Beneath {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        self.read(path, cap)
    }

    fn list(&self, path: &str) -> Result<Names, IoError> {
        let listed = self.list(path)?;
        Ok(listed.map_or(Names::Missing, Names::Listed))
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        (**self).read(path, cap)
    }

    fn list(&self, path: &str) -> Result<Names, IoError> {
        (**self).list(path)
    }

    fn ahead(&self, files: &[(String, u64)]) {
        (**self).ahead(files);
    }

    fn doubt(&self, path: &str) -> bool {
        (**self).doubt(path)
    }
}
