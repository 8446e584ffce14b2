//! Signed notes (<https://c2sp.org/signed-note@v1.0.0>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{NameError, NoteKey, NoteName};
use crate::key::{Signer, SignerError};
use crate::limits;

/// A text with signatures, none of them checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line: `— NAME BASE64(ID SIGNATURE)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who is said to have signed.
    pub name: NoteName,
    /// Which of its keys: the first four bytes of a hash, a hint.
    pub id: [u8; 4],
    /// The signature, of whatever algorithm the key has.
    pub bytes: Vec<u8>,
}

/// Why bytes are no signed note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than its cap.
    #[error("signed note: it is larger than {} bytes", limits::NOTE_MAX)]
    TooLarge,
    /// Not UTF-8, or with control characters.
    #[error("signed note: it is no UTF-8 text without control characters")]
    Text,
    /// No empty line before signatures.
    #[error("signed note: there is no text, an empty line, and signatures after it")]
    Form,
    /// A line after the text that is no signature line.
    #[error("signed note: line {0} after the text is no signature")]
    Signature(usize),
    /// A name that no key may have.
    #[error("signed note: {0}")]
    Name(#[from] NameError),
    /// More signatures than are read.
    #[error(
        "signed note: there are more than {} signatures",
        limits::NOTE_SIGNATURES_MAX
    )]
    TooManySignatures,
}

/// Em dash and space: what every signature line starts with.
const DASH: &str = "\u{2014} ";

impl Note {
    /// A text that nobody has signed yet. It ends with a line feed.
    pub fn new(text: String) -> Self {
        Self {
            text,
            signatures: Vec::new(),
        }
    }

    /// Reads a note of at most [`limits::NOTE_MAX`] bytes.
    ///
    /// Signatures of any key and algorithm are kept; whose they are is for the reader to say.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > limits::NOTE_MAX {
            return Err(NoteError::TooLarge);
        }
        let refused = |byte: &u8| *byte < b' ' && *byte != b'\n';
        if bytes.iter().any(refused) {
            return Err(NoteError::Text);
        }
        let Ok(note) = std::str::from_utf8(bytes) else {
            return Err(NoteError::Text);
        };
        // The last empty line: the text may hold others.
        let end = bytes.windows(2).rposition(|pair| pair == b"\n\n");
        let end = end.ok_or(NoteError::Form)?.saturating_add(1);
        let (text, lines) = note.split_at_checked(end).ok_or(NoteError::Form)?;
        let lines = lines.strip_prefix('\n').ok_or(NoteError::Form)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        for (index, line) in lines.split('\n').enumerate() {
            if index == limits::NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(signature(line, index.saturating_add(1))?);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The note as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.text.clone();
        out.push('\n');
        for signature in &self.signatures {
            let bytes = [&signature.id, signature.bytes.as_slice()].concat();
            out.push_str(DASH);
            out.push_str(signature.name.as_str());
            out.push(' ');
            out.push_str(&STANDARD.encode(bytes));
            out.push('\n');
        }
        out.into_bytes()
    }

    /// The text that is signed, with its last line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in their order; none of them checked.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature that was made elsewhere, unless the very same one is there.
    pub fn add(&mut self, signature: NoteSignature) {
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
    }

    /// Adds the Ed25519 signature of `signer`, who signs notes as `name`.
    ///
    /// # Errors
    /// The signer fails, or returns a signature that does not verify under its own key.
    pub fn sign(&mut self, name: &NoteName, signer: &dyn Signer) -> Result<(), SignerError> {
        let key = signer.public_key();
        let signature = signer.sign(self.text.as_bytes())?;
        key.verify(self.text.as_bytes(), &signature)?;
        self.add(NoteSignature {
            name: name.clone(),
            id: NoteKey::ed25519(name.clone(), key).id(),
            bytes: signature.as_bytes().to_vec(),
        });
        Ok(())
    }
}

fn signature(line: &str, number: usize) -> Result<NoteSignature, NoteError> {
    let malformed = || NoteError::Signature(number);
    let line = line.strip_prefix(DASH).ok_or_else(malformed)?;
    let (name, base64) = line.split_once(' ').ok_or_else(malformed)?;
    let bytes = STANDARD.decode(base64).ok().ok_or_else(malformed)?;
    match bytes.split_first_chunk() {
        Some((id, bytes)) if !bytes.is_empty() => Ok(NoteSignature {
            name: NoteName::parse(name)?,
            id: *id,
            bytes: bytes.to_vec(),
        }),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const EXAMPLE: &str = "This is an example message.\n\n\
        \u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const EXAMPLE_KEY: &str =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn parse(text: &str) -> Result<Note, NoteError> {
        Note::parse(text.as_bytes())
    }

    #[test]
    fn the_published_example_verifies_and_round_trips() {
        let note = parse(EXAMPLE).unwrap();
        assert_eq!(note.to_bytes(), EXAMPLE.as_bytes());
        assert_eq!(note.text(), "This is an example message.\n");
        let key: NoteKey = EXAMPLE_KEY.parse().unwrap();
        assert_eq!(key.to_string(), EXAMPLE_KEY);
        let signature = &note.signatures()[0];
        assert_eq!((&signature.name, signature.id), (key.name(), key.id()));
        let super::super::Algorithm::Ed25519(raw) = key.algorithm() else {
            panic!("an Ed25519 key");
        };
        let bytes: [u8; 64] = signature.bytes.clone().try_into().unwrap();
        let signature = crate::key::Signature::from_bytes(bytes);
        assert_eq!(raw.verify(note.text().as_bytes(), &signature), Ok(()));
        assert!(
            raw.verify(b"This is another message.\n", &signature)
                .is_err()
        );
    }

    #[test]
    fn the_text_ends_at_the_last_empty_line() {
        let note = parse("a\n\nb\n\n\u{2014} n AAAAAAA=\n").unwrap();
        assert_eq!(note.text(), "a\n\nb\n");
        // Two empty lines: one of them belongs to the text.
        let note = parse("a\n\n\n\u{2014} n AAAAAAA=\n").unwrap();
        assert_eq!(note.text(), "a\n\n");
    }

    #[test]
    fn each_rule_has_its_error() {
        let good = "\u{2014} n AAAAAAA=\n";
        for (text, error) in [
            (String::new(), NoteError::Form),
            (format!("a\n{good}"), NoteError::Form),
            ("a\n\n".to_owned(), NoteError::Form),
            (format!("a\n\n{}", good.trim_end()), NoteError::Form),
            ("a\n\nb\n".to_owned(), NoteError::Signature(1)),
            (format!("a\n\n{good}b\n"), NoteError::Signature(2)),
            (
                "a\n\n\u{2014} n AAAAAA==\n".to_owned(),
                NoteError::Signature(1),
            ),
            // Trailing bits that are not zero, no padding, another alphabet, space after it.
            (
                "a\n\n\u{2014} n AAAAAAB=\n".to_owned(),
                NoteError::Signature(1),
            ),
            (
                "a\n\n\u{2014} n AAAAAAA\n".to_owned(),
                NoteError::Signature(1),
            ),
            (
                "a\n\n\u{2014} n AAAAA-A=\n".to_owned(),
                NoteError::Signature(1),
            ),
            (
                "a\n\n\u{2014} n AAAAAAA= \n".to_owned(),
                NoteError::Signature(1),
            ),
            (
                "a\n\n\u{2014}  AAAAAAA=\n".to_owned(),
                NameError(String::new()).into(),
            ),
            (
                "a\n\n\u{2014} a+b AAAAAAA=\n".to_owned(),
                NameError("a+b".to_owned()).into(),
            ),
            (
                "a\n\n\u{2014} a\u{2003}b AAAAAAA=\n".to_owned(),
                NameError("a\u{2003}b".to_owned()).into(),
            ),
            (format!("a\r\n\n{good}"), NoteError::Text),
            (format!("a\t\n\n{good}"), NoteError::Text),
            (
                format!("a\n\n{}", good.repeat(limits::NOTE_SIGNATURES_MAX + 1)),
                NoteError::TooManySignatures,
            ),
            ("a".repeat(limits::NOTE_MAX + 1), NoteError::TooLarge),
        ] {
            assert_eq!(parse(&text), Err(error), "{text:.100}");
        }
        assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::Text));
        let many = format!("a\n\n{}", good.repeat(limits::NOTE_SIGNATURES_MAX));
        assert!(parse(&many).is_ok());
    }
}
