//! Roles, their keys, the log's policy.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ImageGlob;
use crate::key::PublicKey;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Signs trust roots.
    Root,
    /// Signs statements about images.
    Baseline,
    /// Signs the log's checkpoints.
    Log,
    /// Cosigns the log's checkpoints.
    Witness,
    /// Declares keys revoked.
    Revoke,
    /// Signs where the instances of a fleet are, and what they report.
    Fleet,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] = [
        Self::Root,
        Self::Baseline,
        Self::Log,
        Self::Witness,
        Self::Revoke,
        Self::Fleet,
    ];

    /// The name in a trust root.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Baseline => "baseline",
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Revoke => "revoke",
            Self::Fleet => "fleet",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The keys of a role and how many of them must agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// Every key that the role has or had, ordered by raw key.
    pub keys: Vec<RoleKey>,
    /// How many distinct keys must sign; at least 1.
    pub threshold: usize,
}

/// A key in a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKey {
    /// The first log index for which the key counts.
    pub from: u64,
    /// Baseline keys only: the names of the images that it may sign; any of the patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageGlob>,
    /// The key: base64 of its SubjectPublicKeyInfo in DER, the middle line of its PEM file.
    #[serde(serialize_with = "write_key", deserialize_with = "read_key")]
    pub key: PublicKey,
    /// Who holds it. Log and witness keys need one: it is their name in checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why the key was ended, in the words of who did it; only where `until` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The first log index for which the key counts no more; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// When a signature was made: in the order of the log, which cannot be set back, not by a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Nobody proved that it was logged: only keys that count today do.
    Unlogged,
    /// Its index in the log, out of a Receipt that was checked.
    Logged(u64),
}

impl RoleKey {
    /// Whether the key counts for a signature made at `position`.
    pub fn counts_at(&self, position: Position) -> bool {
        match position {
            Position::Unlogged => self.until.is_none(),
            Position::Logged(index) => {
                self.from <= index && self.until.is_none_or(|until| index < until)
            }
        }
    }

    /// Whether the key may sign the image `name`.
    pub fn may_sign(&self, name: &str) -> bool {
        self.images.iter().any(|glob| glob.matches(name))
    }
}

impl RoleKeys {
    /// The raw keys that count at `position`.
    pub fn at(&self, position: Position) -> BTreeSet<PublicKey> {
        self.select(position, |_| true)
    }

    /// The raw keys that count at `position` and may sign the image `name`.
    pub fn for_image(&self, name: &str, position: Position) -> BTreeSet<PublicKey> {
        self.select(position, |key| key.may_sign(name))
    }

    fn select(&self, position: Position, also: impl Fn(&RoleKey) -> bool) -> BTreeSet<PublicKey> {
        self.keys
            .iter()
            .filter(|key| key.counts_at(position) && also(key))
            .map(|key| key.key)
            .collect()
    }
}

/// Whether an Envelope counts without a Receipt from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipts {
    /// An Envelope counts without one.
    Optional,
    /// An Envelope without one counts for nothing.
    Required,
}

/// The log that signatures go to. Who cosigns it, and how many must, says the role `witness`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPolicy {
    /// First line of its checkpoints, and the name of its key (C2SP tlog-checkpoint).
    pub origin: String,
    /// Whether an Envelope needs a Receipt.
    pub receipt: Receipts,
}

fn write_key<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(key.to_der()))
}

fn read_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(deserializer)?;
    let der = STANDARD.decode(text).map_err(D::Error::custom)?;
    PublicKey::from_der(&der).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_half_open() {
        let pem = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let mut key = RoleKey {
            from: 3,
            images: Vec::new(),
            key: PublicKey::from_file(pem.as_bytes()).unwrap(),
            name: None,
            reason: None,
            until: Some(5),
        };
        let counts: Vec<bool> = (2..=5)
            .map(|index| key.counts_at(Position::Logged(index)))
            .collect();
        assert_eq!(counts, [false, true, true, false]);
        assert!(!key.counts_at(Position::Unlogged));
        key.until = None;
        assert!(key.counts_at(Position::Unlogged));
        assert!(key.counts_at(Position::Logged(u64::MAX)));
        assert!(!key.may_sign("base"), "no pattern, no image");
    }
}
