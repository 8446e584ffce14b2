//! A next version that collects signatures: on any machine, without a workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Change, Standing, TrustFileError, changes};
use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError};
use crate::key::{
    KeyId, Position, PublicKey, Role, Signer, SignerError, TrustDocument, TrustError, TrustRoot,
};
use crate::limits;
use crate::ops::log::LogFailure;
use crate::sys::fs::{self, IoError};

/// The next version of a trust root with the signatures that it has so far. It decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    envelope: Envelope,
    document: TrustDocument,
}

/// What is wrong with a draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The present trust root is not accepted.
    #[error(transparent)]
    Present(#[from] TrustFileError),
    /// The file is no envelope.
    #[error("{}: {source}", path.display())]
    Envelope {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// The draft breaks a rule, or does not follow the present trust root.
    #[error("{}: {source}", path.display())]
    Trust {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// A change that cannot be made.
    #[error(transparent)]
    Edit(#[from] super::EditError),
    /// The key is no root key of either version: its signature would count for nothing.
    #[error("key {} is a root key neither of trust root {present} nor of {next}", key.short())]
    NotRoot {
        /// Which key.
        key: KeyId,
        /// The present version.
        present: u64,
        /// The next one.
        next: u64,
    },
    /// The holder of the key did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Another draft is there.
    #[error("{} is there already: a draft of trust root {version} that is not finished", path.display())]
    Unfinished {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// There is none.
    #[error("there is no draft at {}", .0.display())]
    NoDraft(PathBuf),
    /// The files hold signatures of different documents.
    #[error("{}: it is another draft than {}", other.display(), one.display())]
    OtherDraft {
        /// One file.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// The trust root changed while somebody was asked.
    #[error("{} changed in the meantime", .0.display())]
    Moved(PathBuf),
    /// A version of the chain is there with another content.
    #[error("{} is another trust root than the one of that version here", .0.display())]
    Chain(PathBuf),
    /// The record of what was signed says no.
    #[error(transparent)]
    Ledger(#[from] crate::ops::ledger::LedgerError),
    /// A key file cannot be made.
    #[error(transparent)]
    Key(#[from] crate::ops::key::KeyFileError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogFailure),
    /// The workspace's log is not the one of the trust root.
    #[error("{}: it is another log than the trust root names", .0.display())]
    OtherLog(PathBuf),
    /// A role has several keys, so it must be said which one goes.
    #[error("the role {0} has more than one key that counts")]
    Several(Role),
}

impl Draft {
    /// A draft that nobody has signed.
    ///
    /// # Errors
    /// The document breaks a rule.
    pub fn new(document: TrustDocument) -> Result<Self, TrustError> {
        let envelope = Envelope::new(document.to_signed()?);
        Ok(Self { envelope, document })
    }

    /// Reads the file of a draft that follows `present`, with as many signatures as it has.
    ///
    /// # Errors
    /// It cannot be read, breaks a rule, or does not follow.
    pub fn read(path: &Path, present: &TrustRoot) -> Result<Self, DraftError> {
        let bytes = match fs::read(path, limits::TRUST_ROOT_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Err(DraftError::NoDraft(path.to_owned())),
            Err(error) => return Err(error.into()),
        };
        let envelope = Envelope::parse_draft(&bytes).map_err(|source| DraftError::Envelope {
            path: path.to_owned(),
            source,
        })?;
        let document = TrustDocument::unverified(envelope.signed())
            .and_then(|document| {
                present
                    .document()
                    .check_follows(&document)
                    .map(|()| document)
            })
            .map_err(|source| DraftError::Trust {
                path: path.to_owned(),
                source,
            })?;
        let mut draft = Self { envelope, document };
        draft.drop_foreign(present);
        Ok(draft)
    }

    /// Leaves out what is no signature of a root key of either version: it could take the room of
    /// those that are.
    fn drop_foreign(&mut self, present: &TrustRoot) {
        let mut signed = self.envelope.signed().clone();
        let message = signed.message();
        let mut keys = roots(present.document());
        keys.extend(roots(&self.document));
        signed.claims.retain(|claim| {
            let made = |key: &PublicKey| key.verify(&message, &claim.signature).is_ok();
            keys.iter().any(made)
        });
        self.envelope = Envelope::new(signed);
    }

    /// What it says.
    pub fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.envelope.to_bytes()
    }

    /// SHA-256 of its payload: the digest that the trust root will have.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.envelope.signed().payload)
    }

    /// What it changes of `present`.
    pub fn changes(&self, present: &TrustRoot) -> Vec<Change> {
        changes(present.document(), &self.document)
    }

    /// Whose signatures it has: among the root keys of `present`, and among its own.
    pub fn standings(&self, present: &TrustRoot) -> [Standing; 2] {
        let signed = self.envelope.signed();
        [
            Standing::of(present.document(), signed),
            Standing::of(&self.document, signed),
        ]
    }

    /// Adds a signature of a root key of `present` or of the draft's own.
    ///
    /// # Errors
    /// The key is neither, or its holder does not sign.
    pub fn sign(&mut self, present: &TrustRoot, signer: &dyn Signer) -> Result<(), DraftError> {
        let key = signer.public_key();
        if !roots(present.document()).contains(&key) && !roots(&self.document).contains(&key) {
            return Err(DraftError::NotRoot {
                key: key.id(),
                present: present.version(),
                next: self.document.version,
            });
        }
        Ok(self.envelope.sign(signer)?)
    }

    /// Adds the signatures of the same draft from elsewhere.
    pub(super) fn merge(
        &mut self,
        other: &Self,
        one: &Path,
        path: &Path,
    ) -> Result<(), DraftError> {
        if self.envelope.merge(&other.envelope) {
            Ok(())
        } else {
            Err(DraftError::OtherDraft {
                one: one.to_owned(),
                other: path.to_owned(),
            })
        }
    }
}

fn roots(document: &TrustDocument) -> BTreeSet<PublicKey> {
    let root = document.roles.get(&Role::Root);
    root.map(|role| role.at(Position::Unlogged))
        .unwrap_or_default()
}
