//! What karat writes into a log: one line that says what follows, then an envelope.

use crate::envelope::Envelope;
use crate::limits;

/// An entry of a log: `karat-log/1 KIND`, a line feed, and an envelope in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What the envelope is.
    pub kind: Kind<'a>,
    /// The envelope's file.
    pub envelope: &'a [u8],
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A statement about an image, with all signatures that it had when it was logged.
    Signed,
    /// A trust root.
    Trust,
    /// A key counts no more.
    Revoke,
    /// A baseline should be used no more.
    Retire,
    /// Something that this karat does not know; carried.
    Other(&'a str),
}

/// Why there is no such entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Larger than an entry may be.
    #[error(
        "the entry would have {length} bytes, more than {}",
        limits::LOG_ENTRY_MAX
    )]
    TooLarge {
        /// How many bytes it would have.
        length: usize,
    },
}

const SPEC: &str = "karat-log/1 ";

impl<'a> Kind<'a> {
    /// The word in an entry.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Signed => "signed",
            Self::Trust => "trust",
            Self::Revoke => "revoke",
            Self::Retire => "retire",
            Self::Other(word) => word,
        }
    }

    /// The bytes of the entry of this kind that holds `envelope`.
    ///
    /// # Errors
    /// They are more than an entry may have.
    pub fn entry(self, envelope: &Envelope) -> Result<Vec<u8>, EntryError> {
        let envelope = envelope.to_bytes();
        let bytes = [SPEC.as_bytes(), self.as_str().as_bytes(), b"\n", &envelope].concat();
        if bytes.len() > limits::LOG_ENTRY_MAX {
            return Err(EntryError::TooLarge {
                length: bytes.len(),
            });
        }
        Ok(bytes)
    }
}

impl<'a> Entry<'a> {
    /// Reads an entry; `None` where it is none of karat's, and to be carried as it is.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(SPEC.as_bytes())?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (word, envelope) = rest.split_at_checked(end)?;
        let word = std::str::from_utf8(word).ok()?;
        let kind = match word {
            "signed" => Kind::Signed,
            "trust" => Kind::Trust,
            "revoke" => Kind::Revoke,
            "retire" => Kind::Retire,
            other => Kind::Other(other),
        };
        Some(Self {
            kind,
            envelope: envelope.get(1..)?,
        })
    }
}
