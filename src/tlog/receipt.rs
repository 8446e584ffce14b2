//! Receipts: `.tlog-proof` files (<https://c2sp.org/tlog-proof@v1>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::number;
use super::{InclusionProof, Note, NoteError, body};
use crate::limits;

/// What claims to prove that an entry was logged; none of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes of whoever wrote it; nothing here looks at them.
    pub extra: Option<Vec<u8>>,
    /// The entry's place, and its way to the root.
    pub proof: InclusionProof,
    /// The signed checkpoint that it leads to.
    pub checkpoint: Note,
}

/// Why bytes are no Receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Larger than its cap.
    #[error("receipt: it is larger than {} bytes", limits::RECEIPT_MAX)]
    TooLarge,
    /// Another first line.
    #[error("receipt: its first line is not \"{HEADER}\"")]
    Header,
    /// No index line in its one spelling.
    #[error("receipt: there is no line \"index N\" where it belongs")]
    Index,
    /// Extra data that are not base64.
    #[error("receipt: its extra data are not base64")]
    Extra,
    /// A line of the proof that is no hash, or more of them than any tree needs.
    #[error("receipt: hash {0} of its proof is not the base64 of 32 bytes, or one too many")]
    Hash(usize),
    /// The checkpoint is no signed note.
    #[error("receipt: {0}")]
    Note(#[from] NoteError),
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";

impl Receipt {
    /// Reads a Receipt of at most [`limits::RECEIPT_MAX`] bytes.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::RECEIPT_MAX) {
            return Err(ReceiptError::TooLarge);
        }
        if std::str::from_utf8(bytes).is_err() {
            return Err(NoteError::Text.into());
        }
        let (head, note) = body::split(bytes).ok_or(NoteError::Form)?;
        let head = std::str::from_utf8(head).or(Err(NoteError::Text))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(ReceiptError::Header);
        }
        let mut line = lines.next().unwrap_or_default();
        let mut extra = None;
        if let Some(base64) = line.strip_prefix("extra ") {
            extra = Some(STANDARD.decode(base64).or(Err(ReceiptError::Extra))?);
            line = lines.next().unwrap_or_default();
        }
        let index = line.strip_prefix("index ").and_then(number);
        let index = index.ok_or(ReceiptError::Index)?;
        let hashes = body::hashes(lines, limits::PROOF_HASHES_MAX).map_err(ReceiptError::Hash)?;
        Ok(Self {
            extra,
            proof: InclusionProof { index, hashes },
            checkpoint: Note::parse(note)?,
        })
    }

    /// The Receipt as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text = text + "extra " + &STANDARD.encode(extra) + "\n";
        }
        text = text + "index " + &self.proof.index.to_string() + "\n";
        body::bytes(text, &self.proof.hashes, &self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    const NOTE: &str =
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} n AAAAAAA=\n";

    fn parse(head: &str) -> Result<Receipt, ReceiptError> {
        Receipt::parse(format!("{head}\n{NOTE}").as_bytes())
    }

    #[test]
    fn files_round_trip() {
        for head in [
            format!("{HEADER}\nindex 0\n"),
            format!("{HEADER}\nindex 7\n{HASH}\n{HASH}\n"),
            format!("{HEADER}\nextra AAEC\nindex 7\n{HASH}\n"),
            format!("{HEADER}\nextra \nindex 7\n"),
        ] {
            let file = format!("{head}\n{NOTE}");
            let receipt = Receipt::parse(file.as_bytes()).unwrap();
            assert_eq!(receipt.to_bytes(), file.as_bytes());
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        use ReceiptError as Error;
        let many = format!("{HEADER}\nindex 0\n{}", format!("{HASH}\n").repeat(65));
        for (head, error) in [
            ("c2sp.org/tlog-proof@v2\nindex 0\n", Error::Header),
            (&format!("{HEADER} \nindex 0\n"), Error::Header),
            (&format!("{HEADER}\n"), Error::Index),
            (&format!("{HEADER}\nindex 00\n"), Error::Index),
            (&format!("{HEADER}\nindex -1\n"), Error::Index),
            (
                &format!("{HEADER}\nindex 9223372036854775808\n"),
                Error::Index,
            ),
            (&format!("{HEADER}\nindex 0 \n"), Error::Index),
            (&format!("{HEADER}\n{HASH}\nindex 0\n"), Error::Index),
            (&format!("{HEADER}\nextra *\nindex 0\n"), Error::Extra),
            (
                &format!("{HEADER}\nextra AA==\nextra AA==\nindex 0\n"),
                Error::Index,
            ),
            (&format!("{HEADER}\nindex 0\nAAAA\n"), Error::Hash(0)),
            (
                &format!("{HEADER}\nindex 0\n{HASH}\n{HASH} \n"),
                Error::Hash(1),
            ),
            (&many, Error::Hash(64)),
        ] {
            assert_eq!(parse(head), Err(error), "{head:.100}");
        }
        assert_eq!(Receipt::parse(b"").err(), Some(NoteError::Form.into()));
        assert_eq!(
            Receipt::parse(b"\xff\n\n").err(),
            Some(NoteError::Text.into())
        );
        let large = vec![b'a'; usize::try_from(limits::RECEIPT_MAX).unwrap() + 1];
        assert_eq!(Receipt::parse(&large), Err(Error::TooLarge));
    }
}
