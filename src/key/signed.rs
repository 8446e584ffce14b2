//! A message with signatures, as DSSE frames it.

use super::{KeyId, PublicKey, Signature, Signer, SignerError};

/// Exact payload bytes of a named type, and signatures that claim to be over them.
///
/// Nothing here is checked yet: a [`Signed`] is what somebody sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The media type of the payload; signed too.
    pub payload_type: String,
    /// The payload, byte for byte as it was signed.
    pub payload: Vec<u8>,
    /// The signatures, in the order in which they were made.
    pub claims: Vec<Claim>,
}

/// A signature with the id of the key that is said to have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// A hint, chosen by whoever wrote it; may be anything, also empty.
    pub key_id: String,
    /// The signature.
    pub signature: Signature,
}

impl Signed {
    /// A payload that nobody has signed yet.
    pub fn new(payload_type: impl Into<String>, payload: Vec<u8>) -> Self {
        Self {
            payload_type: payload_type.into(),
            payload,
            claims: Vec::new(),
        }
    }

    /// The bytes that are signed: DSSE's pre-authentication encoding,
    /// `DSSEv1 LEN(type) type LEN(payload) payload`
    /// (<https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md>).
    pub fn message(&self) -> Vec<u8> {
        let header = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        );
        [header.as_bytes(), &self.payload].concat()
    }

    /// Adds the signature of `signer`. One that already signed adds nothing: Ed25519 is
    /// deterministic, the signature would be the same.
    ///
    /// # Errors
    /// The signer fails, or returns a signature that does not verify under its own key.
    pub fn sign(&mut self, signer: &dyn Signer) -> Result<(), SignerError> {
        let (message, key) = (self.message(), signer.public_key());
        if self.is_signed_by(&key) {
            return Ok(());
        }
        let signature = signer.sign(&message)?;
        key.verify(&message, &signature)?;
        self.claims.push(Claim {
            key_id: key.id().to_string(),
            signature,
        });
        Ok(())
    }

    /// Whether one of the signatures is the good one of `key`.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let message = self.message();
        self.claims
            .iter()
            .any(|claim| key.verify(&message, &claim.signature).is_ok())
    }
}

impl Claim {
    /// The hint, if it looks like one of ours.
    pub fn hint(&self) -> Option<KeyId> {
        self.key_id.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_of_the_encoding() {
        let signed = Signed::new("http://example.com/HelloWorld", b"hello world".to_vec());
        assert_eq!(
            signed.message(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn lengths_are_bytes_not_letters() {
        let signed = Signed::new("é", "ü".into());
        assert_eq!(signed.message(), "DSSEv1 2 é 2 ü".as_bytes());
    }
}
