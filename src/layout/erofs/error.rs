//! What can be wrong with an image.

use crate::layout::SourceError;
use crate::limits;
use crate::path::ImagePath;

/// Why an image is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No superblock of EROFS, or a damaged one.
    #[error("the superblock is damaged or not one of EROFS: {0}")]
    Superblock(&'static str),
    /// A form of EROFS that is not read: what does not understand all of an image cannot vouch
    /// for it.
    #[error("the image uses {0}, which is not supported (make it without)")]
    Unsupported(&'static str),
    /// An inode that breaks a rule of the format.
    #[error("inode {nid}: {rule}")]
    Inode {
        /// Its number.
        nid: u64,
        /// The rule.
        rule: &'static str,
    },
    /// What a directory says of a path breaks a rule.
    #[error("{path}: {rule}")]
    Path {
        /// The path; that of the directory where its entry is no path.
        path: ImagePath,
        /// The rule.
        rule: &'static str,
    },
    /// More paths than an image may have.
    #[error("more than {} paths", limits::TREE_ENTRIES_MAX)]
    Paths,
    /// More names, targets and attributes than a manifest may have.
    #[error(
        "names, link targets and extended attributes of more than {} bytes",
        limits::MANIFEST_MAX
    )]
    Metadata,
    /// Bytes cannot be read, or lie outside of the image.
    #[error("{0}")]
    Source(#[from] SourceError),
}
