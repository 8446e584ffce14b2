//! The signature lines of a note that are of known keys.

use std::collections::BTreeSet;

use super::cosignature::{Cosignature, cosignature_message};
use super::{Algorithm, Note, NoteKey, NoteName};
use crate::key::{Claim, KeyId, PublicKey, Quorum, Signature, ThresholdError, threshold_each};
use crate::path::Escaped;

/// The signature lines of known keys, each of them verified. Only [`Lines::of`] makes one; whether
/// there are enough, [`Lines::count`] says.
#[derive(Debug)]
pub struct Lines {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    message: Vec<u8>,
    claim: Claim,
    by: Cosigned,
}

/// Who signed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Its name.
    pub name: NoteName,
    /// Its key.
    pub key: PublicKey,
    /// When it says that it saw the checkpoint, in seconds since 1970; 0 for the log itself. Nothing
    /// is decided by it.
    pub time: u64,
}

/// A line in the name of a known key that does not verify under it: the note was tampered with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature of {} does not verify under its key {}", Escaped(name.as_str().as_bytes()), key.short())]
pub struct BadLine {
    /// The name.
    pub name: NoteName,
    /// The key.
    pub key: KeyId,
}

impl Lines {
    /// Verifies the lines of `note` whose name and id are those of one of `keys`; those of other
    /// keys, and keys of other algorithms, are left out (signed-note).
    ///
    /// # Errors
    /// One of them does not verify.
    pub fn of(note: &Note, keys: impl IntoIterator<Item = NoteKey>) -> Result<Self, BadLine> {
        let mut lines = Vec::new();
        for key in keys {
            let (raw, read): (PublicKey, Read) = match key.algorithm() {
                Algorithm::Ed25519(raw) => (*raw, plain),
                Algorithm::Cosignature(raw) => (*raw, timed),
                Algorithm::Other { .. } => continue,
            };
            for line in note.signatures() {
                if line.name != *key.name() || line.id != key.id() {
                    continue;
                }
                let good = read(&line.bytes, note.text())
                    .filter(|(message, _, signature)| raw.verify(message, signature).is_ok());
                let Some((message, time, signature)) = good else {
                    let (name, key) = (key.name().clone(), raw.id());
                    return Err(BadLine { name, key });
                };
                lines.push(Line {
                    message,
                    claim: Claim {
                        key_id: raw.id().to_string(),
                        signature,
                    },
                    by: Cosigned {
                        name: key.name().clone(),
                        key: raw,
                        time,
                    },
                });
            }
        }
        Ok(Self { lines })
    }

    /// The keys that signed. Whether these are enough, [`Lines::count`] says.
    pub fn keys(&self) -> BTreeSet<PublicKey> {
        let mut keys = BTreeSet::new();
        for line in &self.lines {
            keys.insert(line.by.key);
        }
        keys
    }

    /// Counts those of `keys` that signed.
    ///
    /// # Errors
    /// They are fewer than `required`.
    pub fn count(
        &self,
        keys: &BTreeSet<PublicKey>,
        required: usize,
    ) -> Result<Quorum, ThresholdError> {
        let claims: Vec<(&[u8], &Claim)> = self
            .lines
            .iter()
            .map(|line| (line.message.as_slice(), &line.claim))
            .collect();
        threshold_each(&claims, keys, required)
    }

    /// Who the keys of a quorum are.
    pub fn signers(&self, quorum: &Quorum) -> Vec<Cosigned> {
        let line = |key: &PublicKey| self.lines.iter().find(|line| line.by.key == *key);
        let keys = quorum.keys();
        keys.filter_map(|key| Some(line(key)?.by.clone())).collect()
    }
}

/// What a signature line's bytes sign, and when they say that was: of a text, by algorithm.
type Read = fn(&[u8], &str) -> Option<(Vec<u8>, u64, Signature)>;

fn plain(bytes: &[u8], text: &str) -> Option<(Vec<u8>, u64, Signature)> {
    let signature = Signature::from_bytes(bytes.try_into().ok()?);
    Some((text.as_bytes().to_vec(), 0, signature))
}

fn timed(bytes: &[u8], text: &str) -> Option<(Vec<u8>, u64, Signature)> {
    let Cosignature { time, signature } = Cosignature::parse(bytes)?;
    Some((cosignature_message(time, text), time, signature))
}
