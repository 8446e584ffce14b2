//! The one door from a Receipt to a place in the log.

use super::{
    EntryError, Included, Kind, ProofError, Receipt, ReceiptError, TrustedCheckpoint,
    UntrustedCheckpoint, leaf_hash,
};
use crate::envelope::Envelope;
use crate::key::{Position, TrustRoot};

/// An entry that stands in the log of a trust root. Only [`Logged::check`] and [`locate`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    included: Included,
    checkpoint: TrustedCheckpoint,
}

/// Why a Receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// No Receipt.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// Its checkpoint is not to be relied on.
    #[error("receipt: {0}")]
    Checkpoint(#[from] UntrustedCheckpoint),
    /// Its proof is none for such a tree.
    #[error("receipt: {0}")]
    Proof(ProofError),
    /// Its proof is good for another entry at best.
    #[error("receipt: what stands at index {0} of the log is another entry than this one")]
    OtherEntry(u64),
    /// The Envelope makes no entry.
    #[error("receipt: {0}")]
    Entry(#[from] EntryError),
}

impl Logged {
    /// Checks that `entry` stands in the log that `root` names, by the file of its Receipt.
    ///
    /// # Errors
    /// The rule broken: of the Receipt, the checkpoint's signatures, then the proof.
    pub fn check(root: &TrustRoot, receipt: &[u8], entry: &[u8]) -> Result<Self, ReceiptFault> {
        let receipt = Receipt::parse(receipt)?;
        let checkpoint = TrustedCheckpoint::open(root, &receipt.checkpoint)?;
        let included = include(&receipt, &checkpoint, entry)?;
        Ok(Self {
            included,
            checkpoint,
        })
    }

    /// The entry's index: its place in the order of all signatures.
    pub fn index(&self) -> u64 {
        self.included.index()
    }

    /// The same, for judging which keys count.
    pub fn position(&self) -> Position {
        Position::Logged(self.index())
    }

    /// The checkpoint that vouches for it.
    pub fn checkpoint(&self) -> &TrustedCheckpoint {
        &self.checkpoint
    }
}

/// An Envelope as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEnvelope {
    /// The Envelope, with those signatures only that stand in the log.
    pub envelope: Envelope,
    /// Where it stands.
    pub logged: Logged,
}

/// Checks that `envelope` stands in the log that `root` names.
///
/// An entry is a whole Envelope. Signatures that came later are behind those that were logged; what
/// is found is the longest beginning of the signatures that makes the entry, and the others are left
/// out: an Envelope counts for what stands in the log.
///
/// # Errors
/// As [`Logged::check`].
pub fn locate(
    root: &TrustRoot,
    receipt: &[u8],
    envelope: &Envelope,
) -> Result<LoggedEnvelope, ReceiptFault> {
    let receipt = Receipt::parse(receipt)?;
    let checkpoint = TrustedCheckpoint::open(root, &receipt.checkpoint)?;
    let signed = envelope.signed();
    let mut fault = ReceiptFault::OtherEntry(receipt.proof.index);
    for count in (1..=signed.claims.len()).rev() {
        let envelope = envelope.with_first(count);
        match include(&receipt, &checkpoint, &Kind::Signed.entry(&envelope)?) {
            Ok(included) => {
                let logged = Logged {
                    included,
                    checkpoint,
                };
                return Ok(LoggedEnvelope { envelope, logged });
            }
            Err(error) => fault = error,
        }
    }
    Err(fault)
}

fn include(
    receipt: &Receipt,
    checkpoint: &TrustedCheckpoint,
    entry: &[u8],
) -> Result<Included, ReceiptFault> {
    let head = checkpoint.checkpoint().head;
    let included = receipt.proof.check(leaf_hash(entry), head);
    included.map_err(|error| match error {
        ProofError::Root => ReceiptFault::OtherEntry(receipt.proof.index),
        error => ReceiptFault::Proof(error),
    })
}
