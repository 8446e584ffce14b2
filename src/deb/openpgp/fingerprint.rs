//! Fingerprints of OpenPGP keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The fingerprint of an OpenPGP key or subkey: 40 upper-case hexadecimal digits (version 4), or 64
/// (version 6).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(Box<str>);

/// Text that is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 40 or 64 upper-case hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(key: &impl pgp::types::KeyDetails) -> Self {
        Self::hex(key.fingerprint().as_bytes())
    }

    pub(super) fn hex(bytes: &[u8]) -> Self {
        let digits = bytes.iter().map(|byte| format!("{byte:02X}"));
        Self(digits.collect::<String>().into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
        if digits && matches!(text.len(), 40 | 64) {
            Ok(Self(text.into()))
        } else {
            Err(FingerprintError)
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
