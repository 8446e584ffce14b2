//! Why an image cannot be signed.

use crate::layout::pe::PeError;

/// What stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum SecureBootError {
    /// The certificate.
    #[error("the certificate: {0}")]
    Certificate(&'static str),
    /// The image.
    #[error("the image: {0}")]
    Image(#[from] PeError),
    /// The private key.
    #[error("the key: {0}")]
    Key(&'static str),
    /// The signature is not the certificate's.
    #[error("the signature does not verify under the certificate: the key is another one's")]
    Wrong,
    /// There is no place for a certificate table, or the table would be too large.
    #[error("the image has no room for a signature, or too many of them")]
    TooMany,
}
