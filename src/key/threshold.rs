//! The one loop that counts signatures.

use std::collections::BTreeSet;
use std::fmt;

use super::{Claim, KeyId, PublicKey};
use crate::path::Escaped;

/// Proof that enough distinct keys signed one message.
///
/// Only [`threshold`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    keys: BTreeSet<PublicKey>,
    rejected: Vec<Rejected>,
}

impl Quorum {
    /// The keys that signed, by raw key, each once.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// Signatures that counted for nothing, though there were enough without them.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }
}

/// A signature that counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It names an authorised key but does not verify under it.
    Invalid {
        /// Its place among the signatures, from 0.
        index: usize,
        /// The key that it names.
        key: KeyId,
    },
    /// No authorised key made it.
    Unknown {
        /// Its place among the signatures, from 0.
        index: usize,
        /// The key id that came with it: anything.
        key_id: String,
    },
    /// Its key has been counted already.
    Duplicate {
        /// Its place among the signatures, from 0.
        index: usize,
        /// The key.
        key: KeyId,
    },
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { index, key } => {
                write!(
                    f,
                    "signature {index} does not verify under key {}",
                    key.short()
                )
            }
            Self::Unknown { index, key_id } if key_id.is_empty() => {
                write!(f, "signature {index} is of no authorised key")
            }
            Self::Unknown { index, key_id } => {
                let key_id = Escaped(key_id.as_bytes());
                write!(
                    f,
                    "signature {index} (key id {key_id}) is of no authorised key"
                )
            }
            Self::Duplicate { index, key } => {
                write!(
                    f,
                    "signature {index} is a second one of key {}",
                    key.short()
                )
            }
        }
    }
}

/// Too few keys signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdError {
    /// How many distinct keys must sign; 0 means that nobody may.
    pub required: usize,
    /// The keys that did.
    pub verified: BTreeSet<PublicKey>,
    /// The signatures that counted for nothing, and why.
    pub rejected: Vec<Rejected>,
}

impl std::error::Error for ThresholdError {}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.required == 0 {
            return f.write_str("the trust root lets no key sign this");
        }
        let (count, required) = (self.verified.len(), self.required);
        write!(f, "{count} of the {required} signatures required")?;
        for (index, rejected) in self.rejected.iter().enumerate() {
            write!(f, "{} {rejected}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// Asks whether at least `required` of the keys in `authorised` signed `message`.
///
/// Keys are counted by their raw bytes: the same key under two ids, or signing twice, counts once.
/// Key ids are hints: the key that one names is tried first, then every other. All signatures are
/// looked at, also when there are enough, so that a report can name each.
///
/// # Errors
/// Too few did, or `required` is 0: nothing is ever proven by nobody.
pub fn threshold(
    message: &[u8],
    claims: &[Claim],
    authorised: &BTreeSet<PublicKey>,
    required: usize,
) -> Result<Quorum, ThresholdError> {
    let claims: Vec<(&[u8], &Claim)> = claims.iter().map(|claim| (message, claim)).collect();
    threshold_each(&claims, authorised, required)
}

/// As [`threshold`], for signatures over a message each: those of witnesses hold a time.
///
/// # Errors
/// As [`threshold`].
pub fn threshold_each(
    claims: &[(&[u8], &Claim)],
    authorised: &BTreeSet<PublicKey>,
    required: usize,
) -> Result<Quorum, ThresholdError> {
    let signer = |index: usize, (message, claim): &(&[u8], &Claim)| {
        let hinted = claim
            .hint()
            .and_then(|hint| authorised.iter().find(|key| key.id() == hint));
        let signer = hinted
            .into_iter()
            .chain(authorised.iter().filter(|key| Some(*key) != hinted))
            .find(|key| key.verify(message, &claim.signature).is_ok());
        match (signer, hinted) {
            (Some(key), _) => Ok(*key),
            (None, Some(key)) => Err(Rejected::Invalid {
                index,
                key: key.id(),
            }),
            (None, None) => Err(Rejected::Unknown {
                index,
                key_id: claim.key_id.clone(),
            }),
        }
    };
    let signers = claims.iter().enumerate();
    tally(
        &mut signers.map(|(index, claim)| signer(index, claim)),
        required,
    )
}

/// Counts distinct keys among `signers`: for each signature the authorised key that made it, or why
/// there is none.
///
/// # Errors
/// They are fewer than `required`, or `required` is 0: nothing is ever proven by nobody.
pub(super) fn tally(
    signers: &mut dyn Iterator<Item = Result<PublicKey, Rejected>>,
    required: usize,
) -> Result<Quorum, ThresholdError> {
    let mut verified = BTreeSet::new();
    let mut rejected = Vec::new();
    for (index, signer) in signers.enumerate() {
        match signer {
            Ok(key) if verified.insert(key) => {}
            Ok(key) => rejected.push(Rejected::Duplicate {
                index,
                key: key.id(),
            }),
            Err(fault) => rejected.push(fault),
        }
    }
    if required > 0 && verified.len() >= required {
        Ok(Quorum {
            keys: verified,
            rejected,
        })
    } else {
        Err(ThresholdError {
            required,
            verified,
            rejected,
        })
    }
}
