//! The one door from a signed note to a checkpoint to rely on.

use std::collections::BTreeSet;

use super::checkpoint::CheckpointError;
use super::{BadLine, Checkpoint, Cosigned, Lines, Note, NoteKey, NoteName};
use crate::key::{Position, PublicKey, Quorum, Role, RoleKeys, ThresholdError, TrustRoot};
use crate::path::Escaped;

/// A checkpoint that the log of a trust root signed, and enough witnesses cosigned. Only
/// [`TrustedCheckpoint::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedCheckpoint {
    checkpoint: Checkpoint,
    signed_by: Quorum,
    cosigned_by: Vec<Cosigned>,
}

/// Why a note is no checkpoint to rely on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedCheckpoint {
    /// The trust root names no log.
    #[error("the trust root names no log")]
    NoLog,
    /// A line names a key of the trust root, and does not verify under it.
    #[error("checkpoint: {0}")]
    BadSignature(#[from] BadLine),
    /// The log did not sign.
    #[error("checkpoint, signed by the log: {0}")]
    Log(ThresholdError),
    /// Too few witnesses cosigned.
    #[error("checkpoint, cosigned by witnesses: {0}")]
    Witnesses(ThresholdError),
    /// Signed, but no checkpoint.
    #[error("signed, but {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint of another log.
    #[error("it is of the log \"{}\", the trust root names \"{}\"", Escaped(found.as_bytes()), Escaped(expected.as_bytes()))]
    Origin {
        /// The log that the trust root names.
        expected: String,
        /// The log that it is of.
        found: String,
    },
}

impl TrustedCheckpoint {
    /// Opens a checkpoint of the log that `root` names: a threshold of its log keys must have signed
    /// it, and a threshold of its witnesses cosigned it, where it has any.
    ///
    /// The last entry that the checkpoint speaks for decides which keys count. Keys that `root` does
    /// not know are ignored; a bad signature in the name of one that it knows refuses the whole.
    ///
    /// # Errors
    /// The rule broken.
    pub fn open(root: &TrustRoot, note: &Note) -> Result<Self, UntrustedCheckpoint> {
        let log = root.log().ok_or(UntrustedCheckpoint::NoLog)?;
        let signed = Known::of(root.role(Role::Log), note, NoteKey::ed25519)?;
        // Before a byte of the text is read: by any key that ever was the log's.
        let anyone = signed.lines.keys();
        signed.count(&anyone).map_err(UntrustedCheckpoint::Log)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != log.origin {
            return Err(UntrustedCheckpoint::Origin {
                expected: log.origin.clone(),
                found: checkpoint.origin,
            });
        }
        let position = Position::Logged(checkpoint.head.size.saturating_sub(1));
        let signed_by = signed
            .count_at(position)
            .map_err(UntrustedCheckpoint::Log)?;
        let mut cosigned_by = Vec::new();
        if let Some(role) = root.role(Role::Witness) {
            let cosigned = Known::of(Some(role), note, NoteKey::cosigner)?;
            let quorum = cosigned
                .count_at(position)
                .map_err(UntrustedCheckpoint::Witnesses)?;
            cosigned_by = cosigned.lines.signers(&quorum);
        }
        Ok(Self {
            checkpoint,
            signed_by,
            cosigned_by,
        })
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The log's keys that signed it.
    pub fn signed_by(&self) -> &Quorum {
        &self.signed_by
    }

    /// The witnesses that cosigned it, by raw key.
    pub fn cosigned_by(&self) -> &[Cosigned] {
        &self.cosigned_by
    }
}

/// The signature lines of a role's keys, and what the role demands.
struct Known<'a> {
    role: Option<&'a RoleKeys>,
    lines: Lines,
}

impl<'a> Known<'a> {
    fn of(
        role: Option<&'a RoleKeys>,
        note: &Note,
        make: fn(NoteName, PublicKey) -> NoteKey,
    ) -> Result<Self, UntrustedCheckpoint> {
        let keys = role.map(|role| role.keys.as_slice()).unwrap_or_default();
        let keys = keys.iter().filter_map(|key| {
            let name = NoteName::parse(key.name.as_deref()?).ok()?;
            Some(make(name, key.key))
        });
        let lines = Lines::of(note, keys)?;
        Ok(Self { role, lines })
    }

    /// Counts the keys that signed and that count at `position`.
    fn count_at(&self, position: Position) -> Result<Quorum, ThresholdError> {
        let keys = self.role.map(|role| role.at(position));
        self.count(&keys.unwrap_or_default())
    }

    /// Counts those of `keys` that signed.
    fn count(&self, keys: &BTreeSet<PublicKey>) -> Result<Quorum, ThresholdError> {
        let required = self.role.map_or(0, |role| role.threshold);
        self.lines.count(keys, required)
    }
}
