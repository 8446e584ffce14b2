//! What a witness is asked.

use crate::limits;
use crate::tlog::{ConsistencyProof, Note, NoteError, body, parse_size};

/// The body of `add-checkpoint`; none of it checked.
///
/// ```text
/// old SIZE
/// HASH
/// …
///
/// ORIGIN
/// SIZE
/// ROOT
///
/// — NAME SIGNATURE
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the witness is said to have cosigned last.
    pub old: u64,
    /// The proof from there.
    pub proof: ConsistencyProof,
    /// The checkpoint.
    pub checkpoint: Note,
}

/// Why bytes are no such body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Larger than its cap.
    #[error("the request is larger than {} bytes", limits::WITNESS_REQUEST_MAX)]
    TooLarge,
    /// Not an old size, a proof, an empty line and a checkpoint.
    #[error("the request is not \"old SIZE\", a proof, an empty line and a checkpoint")]
    Form,
    /// A line of the proof that is no hash, or one too many.
    #[error("hash {0} of the proof is not the base64 of 32 bytes, or one too many")]
    Hash(usize),
    /// The checkpoint is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl AddCheckpoint {
    /// Reads a body of at most [`limits::WITNESS_REQUEST_MAX`] bytes.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > limits::WITNESS_REQUEST_MAX {
            return Err(RequestError::TooLarge);
        }
        let (head, note) = body::split(bytes).ok_or(RequestError::Form)?;
        let head = std::str::from_utf8(head).or(Err(RequestError::Form))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(parse_size).ok_or(RequestError::Form)?;
        let hashes = body::hashes(lines, limits::WITNESS_PROOF_MAX).map_err(RequestError::Hash)?;
        Ok(Self {
            old,
            proof: ConsistencyProof { hashes },
            checkpoint: Note::parse(note)?,
        })
    }

    /// The body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let old = format!("old {}\n", self.old);
        body::bytes(old, &self.proof.hashes, &self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    const NOTE: &str =
        "o\n9\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} n AAAAAAA=\n";

    fn parse(head: &str) -> Result<AddCheckpoint, RequestError> {
        AddCheckpoint::parse(format!("{head}\n{NOTE}").as_bytes())
    }

    #[test]
    fn bodies_round_trip() {
        let full = format!("old 7\n{}", format!("{HASH}\n").repeat(63));
        for head in ["old 0\n", &format!("old 7\n{HASH}\n"), &full] {
            let body = format!("{head}\n{NOTE}");
            let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
            assert_eq!(request.to_bytes(), body.as_bytes());
        }
        assert_eq!(parse(&full).unwrap().proof.hashes.len(), 63);
    }

    #[test]
    fn each_rule_has_its_error() {
        use RequestError as Error;
        let many = format!("old 7\n{}", format!("{HASH}\n").repeat(64));
        for (head, error) in [
            ("", Error::Form),
            ("\n", Error::Form),
            ("old\n", Error::Form),
            ("old \n", Error::Form),
            ("old 07\n", Error::Form),
            ("old -1\n", Error::Form),
            ("old 7 \n", Error::Form),
            ("old 9223372036854775808\n", Error::Form),
            ("new 7\n", Error::Form),
            ("old 7\r\n", Error::Form),
            ("old 7\nAAAA\n", Error::Hash(0)),
            (&format!("old 7\n{HASH}\n{HASH} \n"), Error::Hash(1)),
            (&many, Error::Hash(63)),
        ] {
            assert_eq!(parse(head), Err(error), "{head:.80}");
        }
        let large = vec![b'a'; limits::WITNESS_REQUEST_MAX + 1];
        assert_eq!(AddCheckpoint::parse(&large), Err(Error::TooLarge));
        assert_eq!(
            AddCheckpoint::parse(b"old 7\n\no\n"),
            Err(NoteError::Form.into())
        );
        assert_eq!(AddCheckpoint::parse(b"old \xff\n\n"), Err(Error::Form));
    }
}
