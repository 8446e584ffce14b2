//! What can sign.

use super::{BadSignature, PublicKey, Signature};

/// Something that holds a private key: a file here, an agent or a token elsewhere.
pub trait Signer: std::fmt::Debug {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// The pure Ed25519 signature over `message`.
    ///
    /// # Errors
    /// The holder of the key cannot or will not sign.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The holder of the key cannot or will not sign; says why.
    #[error("the signer refused: {0}")]
    Refused(String),
    /// What the signer returned does not verify under the key that it names.
    #[error("the signer returned a signature that does not verify under its own key")]
    Wrong,
}

impl From<BadSignature> for SignerError {
    fn from(_: BadSignature) -> Self {
        Self::Wrong
    }
}
