//! What EROFS cannot hold.

use std::io;

use crate::layout::SourceError;
use crate::layout::erofs::ReadError;
use crate::limits;
use crate::path::{Escaped, ImagePath};
use crate::tree::TreeError;

/// Why an EROFS image was not written, or no tree could be made of one.
#[derive(Debug, thiserror::Error)]
pub enum ErofsError {
    /// The stored bytes of a file are not those that the tree names.
    #[error("{0}: its stored bytes are not those that the tree names")]
    Content(ImagePath),
    /// The bytes of a file cannot be had.
    #[error("{path}: cannot read its content: {source}")]
    ContentRead {
        /// Which file.
        path: ImagePath,
        /// What the source answered.
        source: io::Error,
    },
    /// Files of more bytes than are read of one image.
    #[error("its files have more than {} bytes", limits::IMAGE_TAR_MAX)]
    Contents,
    /// A device number that Linux keeps in no inode of EROFS.
    #[error("{0}: EROFS holds major device numbers up to 4095 and minor ones up to 1048575")]
    Device(ImagePath),
    /// The output takes no bytes, or a thread cannot be started.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// More blocks than their numbers can say.
    #[error("the image has more than 2^32 blocks of 4096 bytes")]
    Size,
    /// The image is malformed, or of a form that is not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was read is no tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An attribute that EROFS cannot hold.
    #[error("{path}: EROFS cannot hold the extended attribute {name:?}: {rule}", name = Escaped(.name).to_string())]
    Xattr {
        /// Whose.
        path: ImagePath,
        /// Its name.
        name: Vec<u8>,
        /// Why not.
        rule: &'static str,
    },
}

impl From<SourceError> for ErofsError {
    fn from(error: SourceError) -> Self {
        Self::Read(ReadError::Source(error))
    }
}
