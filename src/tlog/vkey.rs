//! Verifier keys (<https://c2sp.org/signed-note@v1.0.0#verifier-keys>).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{NameError, NoteName};
use crate::digest::Hasher;
use crate::key::{KeyError, PublicKey};

/// A key that signs notes under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: NoteName,
    id: [u8; 4],
    algorithm: Algorithm,
}

/// What a key signs, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Type 0x01: Ed25519 over the text of a note.
    Ed25519(PublicKey),
    /// Type 0x04: timestamped Ed25519 cosignatures of checkpoints.
    Cosignature(PublicKey),
    /// Any other type, ML-DSA-44 cosignatures (0x06) for example: carried, never counted.
    Other {
        /// The type byte.
        kind: u8,
        /// What follows it.
        key: Vec<u8>,
    },
}

/// Why text is no verifier key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// Not `NAME+ID+BASE64`.
    #[error("a verifier key is NAME+8 hexadecimal digits+BASE64")]
    Form,
    /// No name.
    #[error("verifier key: {0}")]
    Name(#[from] NameError),
    /// No good Ed25519 key.
    #[error("verifier key: {0}")]
    Key(KeyError),
    /// The id is not the one of name and key.
    #[error("verifier key: its id is not that of its name and key")]
    Id,
}

const ED25519: u8 = 0x01;
const COSIGNATURE: u8 = 0x04;

impl NoteKey {
    /// A key that signs notes.
    pub fn ed25519(name: NoteName, key: PublicKey) -> Self {
        Self::new(name, Algorithm::Ed25519(key))
    }

    /// A key that cosigns checkpoints.
    pub fn cosigner(name: NoteName, key: PublicKey) -> Self {
        Self::new(name, Algorithm::Cosignature(key))
    }

    fn new(name: NoteName, algorithm: Algorithm) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(name.as_str().as_bytes());
        hasher.update(b"\n");
        let (kind, key) = algorithm.parts();
        hasher.update(&[kind]);
        hasher.update(key);
        let digest = hasher.finish();
        let id = digest.as_bytes().first_chunk().copied();
        Self {
            name,
            id: id.unwrap_or_default(),
            algorithm,
        }
    }

    /// The name under which it signs.
    pub fn name(&self) -> &NoteName {
        &self.name
    }

    /// Its id: the first four bytes of a hash over name, type and key. Anybody can make another key
    /// with the same one; it only says which key to try.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// What it signs, and how.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }
}

impl Algorithm {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Ed25519(key) => (ED25519, key.as_bytes()),
            Self::Cosignature(key) => (COSIGNATURE, key.as_bytes()),
            Self::Other { kind, key } => (*kind, key),
        }
    }
}

impl FromStr for NoteKey {
    type Err = VkeyError;

    fn from_str(text: &str) -> Result<Self, VkeyError> {
        let (name, rest) = text.split_once('+').ok_or(VkeyError::Form)?;
        let (id, base64) = rest.split_once('+').ok_or(VkeyError::Form)?;
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() != 8 || !id.bytes().all(lower) {
            return Err(VkeyError::Form);
        }
        let id = u32::from_str_radix(id, 16).or(Err(VkeyError::Form))?;
        let id = id.to_be_bytes();
        let bytes = STANDARD.decode(base64).or(Err(VkeyError::Form))?;
        let (kind, key) = bytes.split_first().ok_or(VkeyError::Form)?;
        let raw = || {
            let raw = <[u8; PublicKey::LEN]>::try_from(key).or(Err(VkeyError::Form))?;
            PublicKey::from_bytes(raw).map_err(VkeyError::Key)
        };
        let algorithm = match *kind {
            ED25519 => Algorithm::Ed25519(raw()?),
            COSIGNATURE => Algorithm::Cosignature(raw()?),
            kind => Algorithm::Other {
                kind,
                key: key.to_vec(),
            },
        };
        let name = NoteName::parse(name)?;
        if let Algorithm::Other { .. } = algorithm {
            // Other types may make their ids in other ways.
            return Ok(Self {
                name,
                id,
                algorithm,
            });
        }
        let made = Self::new(name, algorithm);
        if made.id == id {
            Ok(made)
        } else {
            Err(VkeyError::Id)
        }
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, key) = self.algorithm.parts();
        let base64 = STANDARD.encode([&[kind], key].concat());
        let id = u32::from_be_bytes(self.id);
        write!(f, "{}+{id:08x}+{base64}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_error() {
        let good = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        assert!(good.parse::<NoteKey>().is_ok());
        for (text, error) in [
            ("example.com/foo", VkeyError::Form),
            ("example.com/foo+530d903a", VkeyError::Form),
            (&good.replace("530d903a", "530D903A"), VkeyError::Form),
            (&good.replace("530d903a", "+30d903a"), VkeyError::Form),
            (&good.replace("530d903a", "0530d903a"), VkeyError::Form),
            (&good.replace("530d903a", "530d903b"), VkeyError::Id),
            (&good.replace("/foo", "/bar"), VkeyError::Id),
            (
                &good.replace("example.com/foo", ""),
                NameError(String::new()).into(),
            ),
            (&format!("{good}="), VkeyError::Form),
            ("n+00000000+AQAA", VkeyError::Form),
            ("n+00000000+", VkeyError::Form),
            (
                // The identity: any signature could pass under it.
                "n+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                VkeyError::Key(KeyError::Weak),
            ),
        ] {
            assert_eq!(text.parse::<NoteKey>(), Err(error), "{text}");
        }
    }

    #[test]
    fn other_algorithms_are_carried() {
        let text = "example.com/pq+01020304+BgECAwQ=";
        let key: NoteKey = text.parse().unwrap();
        assert!(matches!(key.algorithm(), Algorithm::Other { kind: 6, key } if key.len() == 4));
        assert_eq!(key.to_string(), text);
    }
}
