//! The answer of a witness, and what it remembers.
//!
//! ```text
//! DIR/
//!   HEX/seen         the largest checkpoint that may have been cosigned: durable before it is
//!   HEX/checkpoint   the same with the cosignature, for whoever asks: durable before it is given away
//!   NAME.fork        two checkpoints of one log that were shown to this witness and exclude each other
//!   next, lock       a file on its way to its name; held by the one who serves
//! ```
//! `HEX` is the SHA-256 of the log's origin. Both are read again for every request: what counts is
//! what stands on the disk.

use std::collections::BTreeMap;

use super::{AddCheckpoint, KnownLog, RequestError};
use crate::digest::Digest;
use crate::key::{Signer, SignerError};
use crate::log::read::read_checkpoint;
use crate::log::{Disk, ForkEvidence, LogError};
use crate::sys::fs::IoError;
use crate::tlog::{
    Checkpoint, CheckpointError, Extends, Note, NoteKey, NoteName, ProofError, TreeHead,
    UntrustedCheckpoint,
};

const NEXT: &str = "next";

/// A witness with what it remembers. Whoever has one holds the lock of its directory.
#[derive(Debug)]
pub struct Witness<'a, D> {
    disk: D,
    name: NoteName,
    signer: &'a dyn Signer,
    logs: BTreeMap<String, KnownLog>,
}

/// What a request comes to.
#[derive(Debug)]
pub struct Answer {
    /// The checkpoint with the log's signatures and the witness's cosignature.
    pub note: Note,
    /// The witness's line alone, as it is sent.
    pub line: Vec<u8>,
    /// How the tree grew since the last answer.
    pub extends: Extends,
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A log that the witness was not told of.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// The log did not sign.
    #[error(transparent)]
    NotSigned(UntrustedCheckpoint),
    /// What the log signed is no checkpoint.
    #[error(transparent)]
    Checkpoint(CheckpointError),
    /// The request begins with a larger tree than it ends with.
    #[error("the old size {old} is larger than the checkpoint's, {new}")]
    Backwards {
        /// Where it begins.
        old: u64,
        /// Where it ends.
        new: u64,
    },
    /// The witness cosigned another size last; whoever asks makes the proof from there.
    #[error("the last cosigned size is {0}")]
    Conflict(u64),
    /// The tree is not the one that was cosigned before, with more leaves.
    #[error("the checkpoint does not extend what was cosigned before: {error}")]
    Inconsistent {
        /// What the proof says.
        error: ProofError,
        /// Two signed checkpoints of one size: they prove that the log was forked. A proof alone that
        /// leads nowhere says nothing about the log.
        evidence: Option<Box<ForkEvidence>>,
    },
    /// What is remembered cannot be read or written; without it, nothing is cosigned.
    #[error("the witness's own files: {0}")]
    State(#[from] LogError),
    /// The witness's key does not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The clock stands before 1970, and a cosignature has a time.
    #[error("the clock of the witness is not set")]
    Clock,
}

impl From<IoError> for Refusal {
    fn from(error: IoError) -> Self {
        Self::State(error.into())
    }
}

impl Refusal {
    /// The HTTP status that tlog-witness has for it.
    pub fn status(&self) -> u16 {
        match self {
            // Of a tree without leaves there is one root only: the rule is one of trees.
            Self::Checkpoint(CheckpointError::EmptyRoot) | Self::Inconsistent { .. } => 422,
            Self::Request(_) | Self::Backwards { .. } | Self::Checkpoint(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::State(_) | Self::Signer(_) | Self::Clock => 500,
        }
    }
}

impl<'a, D: Disk> Witness<'a, D> {
    /// A witness called `name` that remembers in `disk`, and cosigns for these logs.
    ///
    /// # Errors
    /// What it remembers of one of them cannot be read.
    pub fn open(
        disk: D,
        name: NoteName,
        signer: &'a dyn Signer,
        logs: impl IntoIterator<Item = KnownLog>,
    ) -> Result<Self, LogError> {
        let logs = logs.into_iter().map(|log| (log.origin().to_owned(), log));
        let witness = Self {
            disk,
            name,
            signer,
            logs: logs.collect(),
        };
        for log in witness.logs.values() {
            witness.seen(log.origin())?;
        }
        Ok(witness)
    }

    /// Its key, as logs and policies name it.
    pub fn key(&self) -> NoteKey {
        NoteKey::cosigner(self.name.clone(), self.signer.public_key())
    }

    /// The logs that it cosigns, with the size of the last checkpoint of each.
    ///
    /// # Errors
    /// What it remembers cannot be read.
    pub fn logs(&self) -> Result<Vec<(String, u64)>, LogError> {
        let seen = |origin: &String| Ok((origin.clone(), self.seen(origin)?.0.size));
        self.logs.keys().map(seen).collect()
    }

    /// Cosigns the checkpoint of a request at `time`, seconds since 1970; or does not.
    ///
    /// # Errors
    /// The rule broken; nothing was cosigned.
    pub fn add_checkpoint(&self, body: &[u8], time: u64) -> Result<Answer, Refusal> {
        let request = AddCheckpoint::parse(body)?;
        let note = &request.checkpoint;
        // Whose keys to ask, the first line says; nothing else is believed before they have answered.
        let origin = note.text().split('\n').next().unwrap_or_default();
        let log = self.logs.get(origin).ok_or(Refusal::UnknownLog)?;
        let signed = log.open(note).map_err(|error| match error {
            UntrustedCheckpoint::Checkpoint(error) => Refusal::Checkpoint(error),
            other => Refusal::NotSigned(other),
        })?;
        let (old, new) = (request.old, signed.checkpoint().head);
        if old > new.size {
            let new = new.size;
            return Err(Refusal::Backwards { old, new });
        }
        let (seen, before) = self.seen(origin)?;
        if old != seen.size {
            return Err(Refusal::Conflict(seen.size));
        }
        let extends = request.proof.check(seen, new).map_err(|error| {
            let evidence = before.filter(|_| seen.size == new.size);
            let own = log.its_own_lines(note);
            Refusal::Inconsistent {
                error,
                evidence: evidence.map(|it| Box::new(ForkEvidence::of_same_size(&it, &own))),
            }
        })?;
        if time == 0 {
            return Err(Refusal::Clock);
        }
        let note = self.cosign(log, note, time)?;
        Ok(Answer {
            line: cosignature(&note, &self.key()),
            note,
            extends,
        })
    }

    /// The last checkpoint that was cosigned for the log whose origin has this SHA-256, in lower-case
    /// hexadecimal; `None` where none was.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn checkpoint(&self, hex: &str) -> Result<Option<Note>, LogError> {
        // Only names that this witness gives: the text came with a request.
        let mut known = self.logs.keys().map(|origin| directory(origin));
        let Some(directory) = known.find(|directory| directory == hex) else {
            return Ok(None);
        };
        let read = read_checkpoint(&self.disk, &format!("{directory}/checkpoint"))?;
        Ok(read.map(|(note, _)| note))
    }

    /// Keeps the evidence of a fork, for whoever runs the witness; gives its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, evidence: &ForkEvidence) -> Result<String, IoError> {
        let path = evidence.file_name();
        self.disk.write(NEXT, &evidence.to_bytes())?;
        self.disk.sync(NEXT)?;
        self.disk.rename(NEXT, &path)?;
        self.disk.sync("")?;
        Ok(path)
    }

    /// Remembers, then cosigns, then remembers the cosignature.
    fn cosign(&self, log: &KnownLog, note: &Note, time: u64) -> Result<Note, Refusal> {
        let directory = directory(log.origin());
        let mut note = log.its_own_lines(note);
        self.disk.make_directory(&directory)?;
        self.disk.sync("")?;
        // From here on this tree may get cosigned, and no other one of its size.
        self.place(&directory, "seen", &note)?;
        note.cosign(&self.name, self.signer, time)?;
        self.place(&directory, "checkpoint", &note)?;
        Ok(note)
    }

    fn place(&self, directory: &str, name: &str, note: &Note) -> Result<(), IoError> {
        self.disk.write(NEXT, &note.to_bytes())?;
        self.disk.sync(NEXT)?;
        self.disk.rename(NEXT, &format!("{directory}/{name}"))?;
        self.disk.sync(directory)
    }

    /// The largest tree of a log that may have been cosigned, with its checkpoint; that without leaves,
    /// where none was.
    fn seen(&self, origin: &str) -> Result<(TreeHead, Option<Note>), LogError> {
        let mut largest = TreeHead::empty();
        let mut newest = None;
        for name in ["seen", "checkpoint"] {
            let path = format!("{}/{name}", directory(origin));
            let Some((note, checkpoint)) = read_checkpoint(&self.disk, &path)? else {
                continue;
            };
            let Checkpoint { head, .. } = checkpoint;
            if checkpoint.origin != origin {
                return Err(LogError::NotOurs(path));
            }
            if head.size == largest.size && head != largest && largest.size > 0 {
                return Err(LogError::Fork(head.size));
            }
            if head.size > largest.size {
                largest = head;
                newest = Some(log_lines(&note, &self.key()));
            }
        }
        Ok((largest, newest))
    }
}

/// Where what is remembered of a log stands.
fn directory(origin: &str) -> String {
    Digest::of(origin.as_bytes()).to_string()
}

/// A note without the lines of `key`.
fn log_lines(note: &Note, key: &NoteKey) -> Note {
    let mut rest = Note::new(note.text().to_owned());
    for line in note.signatures() {
        if line.name != *key.name() || line.id != key.id() {
            rest.add(line.clone());
        }
    }
    rest
}

/// The line of `key` in a note, with its line feed.
fn cosignature(note: &Note, key: &NoteKey) -> Vec<u8> {
    let mut only = Note::new(String::new());
    for line in note.signatures() {
        if line.name == *key.name() && line.id == key.id() {
            only.add(line.clone());
        }
    }
    // A note is its text, a line feed, and its lines.
    let bytes = only.to_bytes();
    bytes.get(1..).unwrap_or_default().to_vec()
}
