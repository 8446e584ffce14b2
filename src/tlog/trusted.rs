//! The one door from a signed note to a checkpoint to rely on.

use std::collections::BTreeSet;

use super::checkpoint::CheckpointError;
use super::cosignature::{Cosignature, cosignature_message};
use super::{Checkpoint, Note, NoteKey, NoteName};
use crate::key::{
    Claim, KeyId, Position, PublicKey, Quorum, Role, RoleKeys, Signature, ThresholdError,
    TrustRoot, threshold_each,
};
use crate::path::Escaped;

/// A checkpoint that the log of a trust root signed, and enough witnesses cosigned. Only
/// [`TrustedCheckpoint::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedCheckpoint {
    checkpoint: Checkpoint,
    signed_by: Quorum,
    cosigned_by: Vec<Cosigned>,
}

/// A witness whose cosignature counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Its name.
    pub name: NoteName,
    /// Its key.
    pub key: PublicKey,
    /// When it says that it saw the checkpoint, in seconds since 1970. Nothing is decided by it.
    pub time: u64,
}

/// Why a note is no checkpoint to rely on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UntrustedCheckpoint {
    /// The trust root names no log.
    #[error("the trust root names no log")]
    NoLog,
    /// A line names a key of the trust root, and does not verify under it.
    #[error("checkpoint: the signature of {} does not verify under its key {}", Escaped(name.as_str().as_bytes()), key.short())]
    BadSignature {
        /// The name.
        name: NoteName,
        /// The key.
        key: KeyId,
    },
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
        let signed = Known::of(root.role(Role::Log), note, NoteKey::ed25519, plain)?;
        // Before a byte of the text is read: by any key that ever was the log's.
        let mut anyone = BTreeSet::new();
        for line in &signed.lines {
            anyone.insert(line.by.key);
        }
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
            let cosigned = Known::of(Some(role), note, NoteKey::cosigner, timed)?;
            let quorum = cosigned
                .count_at(position)
                .map_err(UntrustedCheckpoint::Witnesses)?;
            cosigned_by = cosigned.signers(&quorum);
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

/// A signature line of a key that a role has: verified.
struct Line {
    message: Vec<u8>,
    claim: Claim,
    by: Cosigned,
}

/// The signature lines of a role's keys.
struct Known<'a> {
    role: Option<&'a RoleKeys>,
    lines: Vec<Line>,
}

/// What a signature line's bytes sign, and when they say that was: of a text, by algorithm.
type Read = fn(&[u8], &str) -> Option<(Vec<u8>, u64, Signature)>;

impl<'a> Known<'a> {
    fn of(
        role: Option<&'a RoleKeys>,
        note: &Note,
        make: fn(NoteName, PublicKey) -> NoteKey,
        read: Read,
    ) -> Result<Self, UntrustedCheckpoint> {
        let mut lines = Vec::new();
        let keys = role.map(|role| role.keys.as_slice()).unwrap_or_default();
        for key in keys {
            let name = key.name.as_deref().map(NoteName::parse);
            let Some(Ok(name)) = name else {
                continue;
            };
            let id = make(name.clone(), key.key).id();
            for line in note.signatures() {
                if line.name != name || line.id != id {
                    continue;
                }
                let good = read(&line.bytes, note.text())
                    .filter(|(message, _, signature)| key.key.verify(message, signature).is_ok());
                let Some((message, time, signature)) = good else {
                    let key = key.key.id();
                    return Err(UntrustedCheckpoint::BadSignature { name, key });
                };
                lines.push(Line {
                    message,
                    claim: Claim {
                        key_id: key.key.id().to_string(),
                        signature,
                    },
                    by: Cosigned {
                        name: name.clone(),
                        key: key.key,
                        time,
                    },
                });
            }
        }
        Ok(Self { role, lines })
    }

    /// Counts the keys that signed and that count at `position`.
    fn count_at(&self, position: Position) -> Result<Quorum, ThresholdError> {
        let keys = self.role.map(|role| role.at(position));
        self.count(&keys.unwrap_or_default())
    }

    /// Counts those of `keys` that signed.
    fn count(&self, keys: &BTreeSet<PublicKey>) -> Result<Quorum, ThresholdError> {
        let claims: Vec<(&[u8], &Claim)> = self
            .lines
            .iter()
            .map(|line| (line.message.as_slice(), &line.claim))
            .collect();
        threshold_each(&claims, keys, self.role.map_or(0, |role| role.threshold))
    }

    /// Who the keys of a quorum are.
    fn signers(&self, quorum: &Quorum) -> Vec<Cosigned> {
        let line = |key: &PublicKey| self.lines.iter().find(|line| line.by.key == *key);
        let keys = quorum.keys();
        keys.filter_map(|key| Some(line(key)?.by.clone())).collect()
    }
}

fn plain(bytes: &[u8], text: &str) -> Option<(Vec<u8>, u64, Signature)> {
    let signature = Signature::from_bytes(bytes.try_into().ok()?);
    Some((text.as_bytes().to_vec(), 0, signature))
}

fn timed(bytes: &[u8], text: &str) -> Option<(Vec<u8>, u64, Signature)> {
    let Cosignature { time, signature } = Cosignature::parse(bytes)?;
    Some((cosignature_message(time, text), time, signature))
}
