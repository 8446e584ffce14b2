//! What can be wrong with an archive.

use std::io;

use crate::path::ImagePath;

/// Why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// The archive's output takes no bytes.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// More entries than the format has numbers for.
    #[error("an archive of more entries than it can number")]
    Entries,
    /// A name that ends an archive, or the root, which has none.
    #[error("{0}: cannot be a name in a cpio archive")]
    Name(ImagePath),
    /// An entry whose parent did not come before it: Linux makes no directories of its own.
    #[error("{0}: its directory does not come before it in the archive")]
    Order(ImagePath),
    /// A file of 4 GiB or more.
    #[error("{0}: too large for a cpio archive, which holds files below 4 GiB")]
    Size(ImagePath),
}
