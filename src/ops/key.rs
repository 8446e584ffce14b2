//! `karat key`, without printing: key files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::workspace::Workspace;
use crate::key::{KeyError, Passphrase, PrivateKeyError, PublicKey, Signer as _, SigningKey};
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs::{self, IoContext as _, IoError};

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A private key.
    Private {
        /// Whether the file is encrypted.
        encrypted: bool,
    },
    /// A public key.
    Public,
}

/// A key file, as far as it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What the file holds.
    pub kind: Kind,
    /// The public key, or the public half.
    pub public: PublicKey,
}

/// Where a public key went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The key.
    pub public: PublicKey,
    /// Its file.
    pub path: PathBuf,
    /// Whether it was there already.
    pub known: bool,
}

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// No private key comes out of it.
    #[error("{}: {source}", path.display())]
    Private {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: PrivateKeyError,
    },
    /// It is no public key, or a weak one.
    #[error("{}: {source}", path.display())]
    Public {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// Others could have changed the private key.
    #[error("{}: others may write to it (mode {mode:04o})", path.display())]
    Writable {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something is there that must not be overwritten.
    #[error("{} exists; it is never overwritten", .0.display())]
    Exists(PathBuf),
    /// A name that makes no file name.
    #[error("\"{}\" is no name for a key: 1 to 64 of a-z A-Z 0-9 . _ -, a letter or digit first", Escaped(.0.as_bytes()))]
    Name(String),
}

/// Makes a new key and writes its file (0600), encrypted where there is a passphrase.
///
/// # Errors
/// Something is at `path` already, or it cannot be written.
pub fn create(path: &Path, passphrase: Option<&Passphrase>) -> Result<SigningKey, KeyFileError> {
    let broken = |source| KeyFileError::Private {
        path: path.to_owned(),
        source,
    };
    if fs::exists(path)? {
        return Err(KeyFileError::Exists(path.to_owned()));
    }
    let key = SigningKey::generate().map_err(broken)?;
    let pem = pem(&key, passphrase).map_err(broken)?;
    fs::write_atomic(path, pem.as_bytes(), 0o600)?;
    Ok(key)
}

/// The text of a key file, encrypted where there is a passphrase.
pub(super) fn pem(
    key: &SigningKey,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, PrivateKeyError> {
    match passphrase {
        Some(passphrase) => key.to_encrypted_pem(passphrase),
        None => key.to_pem(),
    }
}

/// Reads a private key; `passphrase` is asked for one only where the file is encrypted.
///
/// # Errors
/// It cannot be read, others may write to it, or no key comes out of it.
pub fn read_private(
    path: &Path,
    passphrase: impl FnOnce() -> Option<Passphrase>,
) -> Result<SigningKey, KeyFileError> {
    let file = fs::open(path)?;
    // What a link leads to is asked, not the link, and before a byte of it is read.
    let mode = file.metadata().at("stat", path)?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(KeyFileError::Writable {
            path: path.to_owned(),
            mode,
        });
    }
    let bytes = fs::read_all(file, limits::KEY_FILE_MAX).at("read", path)?;
    let bytes = Zeroizing::new(bytes);
    SigningKey::read(&bytes, passphrase).map_err(|source| KeyFileError::Private {
        path: path.to_owned(),
        source,
    })
}

/// Reads a key file of any kind.
///
/// # Errors
/// It is none, or a key that is refused.
pub fn show(
    path: &Path,
    passphrase: impl FnOnce() -> Option<Passphrase>,
) -> Result<Shown, KeyFileError> {
    let bytes = Zeroizing::new(fs::read(path, limits::KEY_FILE_MAX)?);
    let encrypted = SigningKey::is_encrypted(&bytes);
    match SigningKey::read(&bytes, passphrase) {
        Ok(key) => Ok(Shown {
            kind: Kind::Private { encrypted },
            public: key.public_key(),
        }),
        Err(PrivateKeyError::Format | PrivateKeyError::Public) => {
            let public = PublicKey::from_file(&bytes).map_err(|source| KeyFileError::Public {
                path: path.to_owned(),
                source,
            })?;
            Ok(Shown {
                kind: Kind::Public,
                public,
            })
        }
        Err(source) => Err(KeyFileError::Private {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Puts a public key into the workspace as `keys/NAME.pub.pem`. It counts for nothing until a trust
/// root names it.
///
/// # Errors
/// The name is none, or another key has it.
pub fn import(
    workspace: &Workspace,
    public: PublicKey,
    name: Option<&str>,
) -> Result<Imported, KeyFileError> {
    let short = public.id().short();
    let name = name.unwrap_or(&short);
    let first = name.bytes().next();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.len() > 64
        || !first.is_some_and(|byte| byte.is_ascii_alphanumeric())
        || !name.bytes().all(plain)
    {
        return Err(KeyFileError::Name(name.to_owned()));
    }
    let path = workspace.keys().join(format!("{name}.pub.pem"));
    let known = fs::exists(&path)?;
    if known {
        let there = PublicKey::from_file(&fs::read(&path, limits::KEY_FILE_MAX)?);
        if there != Ok(public) {
            return Err(KeyFileError::Exists(path));
        }
    } else {
        fs::make_dirs(workspace.keys(), 0o777)?;
        fs::write_atomic(&path, public.to_pem().as_bytes(), 0o644)?;
    }
    Ok(Imported {
        public,
        path,
        known,
    })
}
