//! `karat trust`, without printing.

use std::path::{Path, PathBuf};

use crate::key::{TrustError, TrustRoot};
use crate::limits;
use crate::sys::fs::{self, IoError};

/// Why a trust root file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TrustFileError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// It is no trust root, or not signed as it must be.
    #[error("{}: {source}", path.display())]
    Trust {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
}

/// Reads the trust root file that somebody chose to trust.
///
/// # Errors
/// It cannot be read, or is not accepted.
pub fn read(path: &Path) -> Result<TrustRoot, TrustFileError> {
    read_with_bytes(path).map(|(root, _)| root)
}

/// As [`read`], with the bytes of the file.
///
/// # Errors
/// As [`read`].
pub fn read_with_bytes(path: &Path) -> Result<(TrustRoot, Vec<u8>), TrustFileError> {
    let bytes = fs::read(path, limits::TRUST_ROOT_MAX)?;
    let root = TrustRoot::parse(&bytes).map_err(at(path))?;
    Ok((root, bytes))
}

/// Reads the next version after `root`.
///
/// # Errors
/// It cannot be read, or `root` does not vouch for it.
pub fn update(root: &TrustRoot, path: &Path) -> Result<TrustRoot, TrustFileError> {
    let bytes = fs::read(path, limits::TRUST_ROOT_MAX)?;
    root.update(&bytes).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(TrustError) -> TrustFileError {
    let path = path.to_owned();
    move |source| TrustFileError::Trust { path, source }
}
