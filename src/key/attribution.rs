//! Whose signatures these are, for who judges very many.
//!
//! A verifier asks whether enough of the keys in charge signed, once. An audit asks of a million
//! signatures who made them, and judges later, when it knows which keys were in charge. So each is
//! verified once, here, by the same strict check; what it is worth is counted by the same loop.

use std::collections::{BTreeMap, BTreeSet};

use super::public::Prepared;
use super::threshold::tally;
use super::{Claim, KeyId, PublicKey, Quorum, Rejected, ThresholdError};

/// Keys that signatures may be of.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    keys: BTreeMap<PublicKey, (KeyId, Prepared)>,
    by_id: BTreeMap<KeyId, PublicKey>,
}

/// Who made the signatures of one message, each of them verified. Only [`Candidates::attribute`] makes
/// one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribution {
    makers: Vec<Maker>,
}

/// Who made a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// This key: it verifies under it.
    Key(PublicKey),
    /// None of the candidates. What it says of its key is a hint, and may be false.
    Nobody(Option<KeyId>),
}

impl Candidates {
    /// Adds a key; gives whether it was not among them.
    pub fn insert(&mut self, key: PublicKey) -> bool {
        if self.keys.contains_key(&key) {
            return false;
        }
        let Some(prepared) = key.prepared() else {
            return false;
        };
        let id = key.id();
        self.by_id.insert(id, key);
        self.keys.insert(key, (id, prepared));
        true
    }

    /// Verifies each signature over `message` by the strict rules. Key ids are hints: the key that one
    /// names is tried first, then every other.
    pub fn attribute(&self, message: &[u8], claims: &[Claim]) -> Attribution {
        let maker = |claim: &Claim| {
            let hint = claim.hint();
            let hinted = hint.and_then(|hint| self.by_id.get(&hint));
            let hinted = hinted.and_then(|key| self.keys.get_key_value(key));
            let others = self.keys.iter().filter(|(key, _)| {
                // The one that was tried already.
                hinted.is_none_or(|(hinted, _)| *key != hinted)
            });
            let mut keys = hinted.into_iter().chain(others);
            let signer = keys.find(|(_, (_, key))| key.verify(message, &claim.signature).is_ok());
            signer.map_or(Maker::Nobody(hint), |(key, _)| Maker::Key(*key))
        };
        Attribution {
            makers: claims.iter().map(maker).collect(),
        }
    }
}

impl Attribution {
    /// Who made each signature, in their order.
    pub fn makers(&self) -> &[Maker] {
        &self.makers
    }

    /// Asks whether at least `required` of the keys in `authorised` signed. They must have been among
    /// the candidates.
    ///
    /// # Errors
    /// Too few did, as [`super::threshold`] says it.
    pub fn count(
        &self,
        authorised: &BTreeSet<PublicKey>,
        required: usize,
    ) -> Result<Quorum, ThresholdError> {
        let signer = |(index, maker): (usize, &Maker)| match maker {
            Maker::Key(key) if authorised.contains(key) => Ok(*key),
            Maker::Key(key) => Err(Rejected::Unknown {
                index,
                key_id: key.id().to_string(),
            }),
            Maker::Nobody(hint) => Err(Rejected::Unknown {
                index,
                key_id: hint.map(|hint| hint.to_string()).unwrap_or_default(),
            }),
        };
        tally(&mut self.makers.iter().enumerate().map(signer), required)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Signature, Signer as _, SigningKey, threshold};

    #[test]
    fn it_finds_who_signed_and_counts_as_the_threshold_does() {
        let keys: Vec<SigningKey> = (1..=4)
            .map(|seed| SigningKey::from_seed([seed; 32]))
            .collect();
        let public: Vec<PublicKey> = keys.iter().map(SigningKey::public_key).collect();
        let claim = |key: &SigningKey, hint: &str| Claim {
            key_id: hint.to_owned(),
            signature: key.sign(b"message").unwrap(),
        };
        let mut candidates = Candidates::default();
        for key in &public[..3] {
            assert!(candidates.insert(*key));
        }
        assert!(!candidates.insert(public[0]));
        let lie = public[2].id().to_string();
        let claims = [
            claim(&keys[0], &public[0].id().to_string()),
            claim(&keys[1], &lie),
            claim(&keys[1], ""),
            claim(&keys[3], "somebody"),
            Claim {
                key_id: lie,
                signature: Signature::from_bytes([7; 64]),
            },
        ];
        let found = candidates.attribute(b"message", &claims);
        let expected = [
            Maker::Key(public[0]),
            Maker::Key(public[1]),
            Maker::Key(public[1]),
            Maker::Nobody(None),
            Maker::Nobody(Some(public[2].id())),
        ];
        assert_eq!(found.makers(), expected);
        for authorised in [&public[..1], &public[..2], &public[1..3], &public[2..3]] {
            let authorised: BTreeSet<PublicKey> = authorised.iter().copied().collect();
            for required in 0..3 {
                let keys = |quorum: Quorum| quorum.keys().copied().collect::<Vec<_>>();
                let few = |error: ThresholdError| (error.required, error.verified);
                assert_eq!(
                    found.count(&authorised, required).map(keys).map_err(few),
                    threshold(b"message", &claims, &authorised, required)
                        .map(keys)
                        .map_err(few)
                );
            }
        }
    }
}
