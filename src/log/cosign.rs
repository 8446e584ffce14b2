//! Cosignatures of a log's own checkpoint: what its witnesses are asked, and what they answer.

use super::{AddCheckpoint, Log, LogError, Source, Store};
use crate::limits;
use crate::tlog::{BadLine, ConsistencyProof, Lines, Note, NoteError, NoteKey, NoteSignature};

/// Why the answer of a witness is no cosignature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Larger than its cap.
    #[error("the answer is larger than {} bytes", limits::WITNESS_ANSWER_MAX)]
    TooLarge,
    /// Not signature lines.
    #[error("the answer is no signature: {0}")]
    Note(#[from] NoteError),
    /// Lines of other keys only.
    #[error("the answer has no cosignature of the key {0}")]
    OtherKey(String),
    /// A line of the witness that does not verify.
    #[error("the answer: {0}")]
    BadLine(#[from] BadLine),
}

impl<S: Source> Log<S> {
    /// What to ask a witness that cosigned `old` entries last, at most as many as there are: the
    /// published checkpoint, and the proof from there.
    ///
    /// # Errors
    /// There are fewer entries, or a tile is missing or damaged.
    pub fn request(&self, old: u64) -> Result<AddCheckpoint, LogError> {
        let size = self.size();
        let proof = ConsistencyProof::make(old, size, &mut |node| self.node(node, size))?;
        let proof = proof.ok_or(LogError::NoEntry { index: old, size })?;
        Ok(AddCheckpoint {
            old,
            proof,
            checkpoint: self.note.clone(),
        })
    }

    /// Takes the cosignature of `witness` for the published checkpoint out of an answer.
    ///
    /// # Errors
    /// There is none that verifies.
    pub fn cosignature(
        &self,
        answer: &[u8],
        witness: &NoteKey,
    ) -> Result<NoteSignature, AnswerError> {
        let is_large =
            u64::try_from(answer.len()).map_or(true, |it| it > limits::WITNESS_ANSWER_MAX);
        if is_large {
            return Err(AnswerError::TooLarge);
        }
        let note = Note::parse(&[self.note.text().as_bytes(), b"\n", answer].concat())?;
        let of = |line: &&NoteSignature| line.name == *witness.name() && line.id == witness.id();
        let line = note.signatures().iter().find(of);
        let line = line.ok_or_else(|| AnswerError::OtherKey(witness.to_string()))?;
        let mut alone = Note::new(note.text().to_owned());
        alone.add(line.clone());
        let lines = Lines::of(&alone, [witness.clone()])?;
        match lines.count(&lines.keys(), 1) {
            Ok(_) => Ok(line.clone()),
            // A witness with a key of another algorithm.
            Err(_) => Err(AnswerError::OtherKey(witness.to_string())),
        }
    }
}

impl<S: Store> Log<S> {
    /// Publishes the present checkpoint once more, with these lines of witnesses: in the history, then
    /// in its own place. The text is the same, so that whoever reads either believes what he believed.
    /// Where the log has grown meanwhile, the history alone has them. Whoever calls this holds the lock
    /// of a log in a directory.
    ///
    /// # Errors
    /// Some of it may be published, some not.
    pub fn add_cosignatures(&mut self, lines: &[NoteSignature]) -> Result<(), LogError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut note = self.note.clone();
        for line in lines {
            if !note.signatures().contains(line) {
                note.add(line.clone());
            }
        }
        self.restate(&note)
    }
}
