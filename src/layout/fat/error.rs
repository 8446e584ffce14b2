//! Why a file system is not to be relied on.

use crate::layout::SourceError;

/// A rule that a FAT32 file system breaks. Paths are ASCII: others are never taken as names.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// The boot sector, or what belongs to it.
    #[error("FAT: {0}")]
    Boot(&'static str),
    /// The two tables are not the same, or say something impossible.
    #[error("FAT: {0}")]
    Table(&'static str),
    /// A file or a directory.
    #[error("FAT: /{path}: {rule}")]
    Entry {
        /// Where.
        path: String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// A cluster that is in use, but in no file.
    #[error("FAT: cluster {0} is in use, but belongs to no file")]
    Lost(u32),
    /// There is no such file.
    #[error("FAT: there is no file /{0}")]
    Missing(String),
    /// A file that is larger than what the reader expects of it.
    #[error("FAT: /{path} has {size} bytes, more than {max}")]
    Large {
        /// Which.
        path: String,
        /// How many bytes it has.
        size: u64,
        /// How many it may have.
        max: u64,
    },
    /// Bytes could not be read.
    #[error("FAT: {0}")]
    Source(#[from] SourceError),
}

impl FatError {
    pub(super) fn entry(path: &str, rule: &'static str) -> Self {
        Self::Entry {
            path: path.to_owned(),
            rule,
        }
    }
}
