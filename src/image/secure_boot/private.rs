//! A private key from a file.

use std::fmt;

use pkcs8::der::SecretDocument;
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;

use super::SecureBootError;
use super::certificate::scheme;
use crate::digest::Digest;

/// An RSA private key.
pub struct PrivateKey(RsaPrivateKey);

impl PrivateKey {
    /// Reads a key in PEM: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// It is none, no RSA key, or encrypted.
    pub fn parse(bytes: &[u8]) -> Result<Self, SecureBootError> {
        let fails = SecureBootError::Key;
        let no_pem = fails("it is no PEM file with a private key");
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(no_pem);
        };
        let Ok((label, document)) = SecretDocument::from_pem(text.trim()) else {
            return Err(no_pem);
        };
        let key = match label {
            "PRIVATE KEY" => RsaPrivateKey::from_pkcs8_der(document.as_bytes()).ok(),
            "RSA PRIVATE KEY" => RsaPrivateKey::from_pkcs1_der(document.as_bytes()).ok(),
            "ENCRYPTED PRIVATE KEY" => {
                return Err(fails(
                    "it is encrypted; sign by a program that asks for its passphrase: command:PROGRAM",
                ));
            }
            _ => return Err(no_pem),
        };
        key.map(Self).ok_or_else(|| fails("it is no RSA key"))
    }

    /// Signs `message`: `RSASSA-PKCS1-v1_5` with SHA-256, which is deterministic.
    ///
    /// # Errors
    /// The key is too short for that.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SecureBootError> {
        self.0
            .sign(scheme(), Digest::of(message).as_bytes())
            .map_err(|_key| SecureBootError::Key("it cannot sign a SHA-256 digest"))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}
