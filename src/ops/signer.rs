//! What holds a private key, as it is named on a command line.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use super::key::{self, KeyFileError};
use crate::key::{Passphrase, Signer};

/// Where a private key is: `file:PATH`, or a plain path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// A PKCS#8 file.
    File(PathBuf),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenKeyError {
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
}

impl KeySpec {
    /// Takes what somebody wrote.
    ///
    /// # Errors
    /// It names a kind of key holder that there is not.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        match text.to_str().and_then(|text| text.strip_prefix("file:")) {
            Some(path) => Ok(Self::File(path.into())),
            None => Ok(Self::File(text.into())),
        }
    }

    /// Opens it; `passphrase` is asked only where one is needed.
    ///
    /// # Errors
    /// There is no such key, or it cannot be used.
    pub fn open(
        &self,
        passphrase: impl FnOnce() -> Option<Passphrase>,
    ) -> Result<Box<dyn Signer>, OpenKeyError> {
        match self {
            Self::File(path) => Ok(Box::new(key::read_private(path, passphrase)?)),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
        }
    }
}
