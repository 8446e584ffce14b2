//! The certificate that firmware has in its `db`.

use pkcs8::der::Document;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};

use super::SecureBootError;
use super::der::{CONTEXT_0, INTEGER, SEQUENCE, expect};
use crate::digest::Digest;

/// An X.509 certificate with an RSA key (RFC 5280). Its own signature, its times and its extensions
/// are not looked at: firmware does not either, it knows the certificate itself.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) der: Vec<u8>,
    /// The name of the issuer, and the serial number, as they stand in it.
    pub(super) issuer: Vec<u8>,
    pub(super) serial: Vec<u8>,
    key: RsaPublicKey,
}

/// Bytes of a modulus: firmware takes 2048 bits, most takes 3072 and 4096, too.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;
/// `DigestInfo` of SHA-256 up to the digest (RFC 8017, section 9.2, note 1).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

impl Certificate {
    /// Reads a certificate in PEM or DER.
    ///
    /// # Errors
    /// It is none, or not with an RSA key of 2048 to 4096 bits.
    pub fn parse(bytes: &[u8]) -> Result<Self, SecureBootError> {
        let der = if bytes.starts_with(&[SEQUENCE]) {
            bytes.to_vec()
        } else {
            from_pem(bytes).ok_or(SecureBootError::Certificate(
                "it is neither DER nor PEM with BEGIN CERTIFICATE",
            ))?
        };
        let (issuer, serial, key) = fields(&der).ok_or(SecureBootError::Certificate(
            "it is no X.509 certificate in DER",
        ))?;
        let parsed = RsaPublicKey::from_public_key_der(key);
        let key = parsed.map_err(|_key| {
            SecureBootError::Certificate("its key is not an RSA key, which Secure Boot asks for")
        })?;
        if !MODULUS.contains(&key.size()) {
            return Err(SecureBootError::Certificate(
                "its key does not have 2048 to 4096 bits",
            ));
        }
        let (issuer, serial) = (issuer.to_vec(), serial.to_vec());
        Ok(Self {
            der,
            issuer,
            serial,
            key,
        })
    }

    /// Checks a signature over `message`: `RSASSA-PKCS1-v1_5` with SHA-256.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SecureBootError> {
        let digest = Digest::of(message);
        self.key
            .verify(scheme(), digest.as_bytes(), signature)
            .map_err(|_wrong| SecureBootError::Wrong)
    }
}

/// The signature scheme.
pub(super) fn scheme() -> Pkcs1v15Sign {
    Pkcs1v15Sign {
        hash_len: Some(Digest::LEN),
        prefix: Box::new(SHA256_INFO),
    }
}

fn from_pem(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (label, document) = Document::from_pem(text.trim()).ok()?;
    (label == "CERTIFICATE").then(|| document.as_bytes().to_vec())
}

/// Issuer, serial number and SubjectPublicKeyInfo.
fn fields(der: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (certificate, after) = expect(der, SEQUENCE)?;
    let (tbs, _) = expect(certificate.content, SEQUENCE)?;
    let rest = tbs.content;
    let rest = expect(rest, CONTEXT_0).map_or(rest, |(_version, rest)| rest);
    let (serial, rest) = expect(rest, INTEGER)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (issuer, rest) = expect(rest, SEQUENCE)?;
    let (_validity, rest) = expect(rest, SEQUENCE)?;
    let (_subject, rest) = expect(rest, SEQUENCE)?;
    let (key, _) = expect(rest, SEQUENCE)?;
    after
        .is_empty()
        .then_some((issuer.whole, serial.whole, key.whole))
}
