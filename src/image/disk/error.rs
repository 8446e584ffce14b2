//! What can be wrong with a container.

use std::io;

use super::Container;
use crate::layout::SourceError;

/// Why a container cannot be written or is not read.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A container that breaks a rule of its format, or needs what karat does not read.
    #[error("this {container} file is not read: {rule}")]
    Broken {
        /// Which container.
        container: Container,
        /// The rule.
        rule: &'static str,
    },
    /// The output takes no bytes, or a compressed input gives none.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A disk of more bytes than the container can say, or karat reads.
    #[error("a disk of {size} bytes does not fit: {container} has room for {max}")]
    Size {
        /// Which container.
        container: Container,
        /// How large the disk is.
        size: u64,
        /// How large it may be.
        max: u64,
    },
    /// The disk cannot be read.
    #[error("the disk: {0}")]
    Source(#[from] SourceError),
}
