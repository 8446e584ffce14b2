//! What is exported: only an Envelope that opens.

use std::path::{Path, PathBuf};

use crate::baseline::{OpenError, Statement, Verified};
use crate::envelope::{Envelope, EnvelopeError};
use crate::key::{Signer, SignerError, TrustRoot};
use crate::limits;
use crate::ops::sign::{SignError, allowed};
use crate::sys::fs::{self, IoError};
use crate::sys::material::{self, ENVELOPE_SUFFIX, RECEIPT_SUFFIX};

/// An Envelope that opens under a trust root.
#[derive(Debug)]
pub struct Opened {
    pub(super) envelope: Envelope,
    pub(super) statement: Verified<Statement>,
}

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The file is no Envelope.
    #[error("{}: {source}", path.display())]
    Envelope {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// It does not open under the trust root.
    #[error("{}: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// The trust root does not let a key sign this image.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The holder of a key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl Opened {
    /// Reads an Envelope and opens it under `root`: by the Receipt beside it (`X.tlog-proof`), where there
    /// is one and the root names a log.
    ///
    /// # Errors
    /// It cannot be read, is none, or does not open.
    pub fn read(path: &Path, root: &TrustRoot) -> Result<Self, ExportError> {
        let bytes = fs::read(path, limits::ENVELOPE_MAX)?;
        let envelope = Envelope::parse(&bytes).map_err(|source| ExportError::Envelope {
            path: path.to_owned(),
            source,
        })?;
        let opened = match receipt(path)?.filter(|_| root.log().is_some()) {
            Some(receipt) => envelope.open_logged(root, &receipt),
            None => envelope.open(root),
        };
        let statement = opened.map_err(|source| ExportError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            envelope,
            statement,
        })
    }

    /// The statement in it.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The statement, with who signed it.
    pub fn verified(&self) -> &Verified<Statement> {
        &self.statement
    }

    /// The exact bytes of the statement.
    pub fn payload(&self) -> &[u8] {
        &self.envelope.signed().payload
    }

    /// Checks that `root` lets the key of `signer` speak for this image.
    ///
    /// # Errors
    /// It does not.
    pub fn allows(&self, root: &TrustRoot, signer: &dyn Signer) -> Result<(), ExportError> {
        let name = &self.statement.baseline().name;
        Ok(allowed(root, &signer.public_key(), name)?)
    }
}

/// The Receipt beside an Envelope's file.
fn receipt(envelope: &Path) -> Result<Option<Vec<u8>>, IoError> {
    let stem = material::without_suffix(envelope, ENVELOPE_SUFFIX);
    let path = material::with_suffix(stem.as_deref().unwrap_or(envelope), RECEIPT_SUFFIX);
    match fs::read(path, limits::RECEIPT_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
