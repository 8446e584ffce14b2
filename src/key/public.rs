//! Public keys, key ids, signatures.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;

use super::spki;
use crate::digest::{Digest, DigestError};

/// An Ed25519 public key that an honest signer may hold.
///
/// Ordered and compared by its 32 raw bytes: the identity that thresholds count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; Self::LEN]);

/// Why something is not a [`PublicKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither a PEM block `PUBLIC KEY`, nor its DER, nor an OpenSSH line.
    #[error("it is no Ed25519 public key file (SPKI in PEM or DER, or an ssh-ed25519 line)")]
    Format,
    /// The bytes between the PEM lines, or of the SSH line, are not base64.
    #[error("its base64 is broken")]
    Base64,
    /// A key of another algorithm.
    #[error("it is a key of another algorithm than Ed25519")]
    Algorithm,
    /// The 32 bytes are no point of the curve.
    #[error("it is no point of the curve")]
    NotOnCurve,
    /// A second spelling of a point (RFC 8032, section 5.1.3): one key could count twice.
    #[error("it is a non-canonical spelling of a key")]
    NonCanonical,
    /// A point of small order, under which a signature proves nothing, or one outside the prime
    /// order subgroup, which no honest key generation makes.
    #[error("it is a weak key: any signature could pass under it")]
    Weak,
}

impl PublicKey {
    /// Length of a raw key, in bytes.
    pub const LEN: usize = 32;

    /// Takes the raw bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// No point of the curve, another spelling of one, or a weak one.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Result<Self, KeyError> {
        let Ok(key) = VerifyingKey::from_bytes(&bytes) else {
            return Err(KeyError::NotOnCurve);
        };
        let point = key.to_edwards();
        if point.compress().to_bytes() != bytes {
            return Err(KeyError::NonCanonical);
        }
        if key.is_weak() || !point.is_torsion_free() {
            return Err(KeyError::Weak);
        }
        Ok(Self(bytes))
    }

    /// Reads a public key file: a PEM block `PUBLIC KEY`, its DER (RFC 8410), or one line
    /// `ssh-ed25519 …` (OpenSSH).
    ///
    /// # Errors
    /// The form is another one, or the key is refused.
    pub fn from_file(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::from_bytes(spki::read_any(bytes)?)
    }

    /// Takes a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// Anything but the 44 bytes of an Ed25519 key, or a key that is refused.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_bytes(spki::from_der(der)?)
    }

    /// The public half of a private key that this process holds: honest by construction.
    #[cfg(feature = "build")]
    pub(super) fn of_own(key: &VerifyingKey) -> Self {
        Self(key.to_bytes())
    }

    /// The key taken apart, for checking many signatures of it.
    #[cfg(feature = "build")]
    pub(super) fn prepared(&self) -> Option<Prepared> {
        VerifyingKey::from_bytes(&self.0).ok().map(Prepared)
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The SubjectPublicKeyInfo in DER (RFC 8410, section 4).
    pub fn to_der(&self) -> [u8; spki::DER_LEN] {
        spki::to_der(&self.0)
    }

    /// The SubjectPublicKeyInfo as a PEM block (RFC 7468), as `openssl pkey -pubout` writes it.
    pub fn to_pem(&self) -> String {
        spki::to_pem(&self.0)
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.to_der()))
    }

    /// Checks one signature, by the strict rules: canonical S and R, no weak R.
    ///
    /// Whether *enough* keys signed is a question for [`super::threshold`].
    ///
    /// # Errors
    /// The signature is not this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else {
            return Err(BadSignature);
        };
        strictly(&key, message, signature)
    }
}

/// A [`PublicKey`] taken apart: its point need not be computed for each signature.
#[cfg(feature = "build")]
#[derive(Clone, Debug)]
pub(super) struct Prepared(VerifyingKey);

#[cfg(feature = "build")]
impl Prepared {
    /// As [`PublicKey::verify`].
    pub(super) fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        strictly(&self.0, message, signature)
    }
}

/// The one check of a signature.
fn strictly(key: &VerifyingKey, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(message, &signature).or(Err(BadSignature))
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// A signature that does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// The name of a key: SHA-256 of its SubjectPublicKeyInfo in DER, as 64 lower-case hexadecimal
/// digits; what `openssl pkey -pubin -outform DER | sha256sum` prints.
///
/// In an envelope it is a hint and no more: nothing is decided by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// The first 12 digits: enough for people, never for machines.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl FromStr for KeyId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The 64 bytes of an Ed25519 signature, not yet checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature([u8; Self::LEN]);

impl Signature {
    /// Length of a signature, in bytes.
    pub const LEN: usize = 64;

    /// Takes the raw bytes (RFC 8032, section 5.1.6).
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<u8> = (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect();
        bytes.try_into().unwrap()
    }

    /// RFC 8032, section 7.1: key, message, signature.
    const RFC8032: [(&str, &str, &str); 3] = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    /// The order of the base point, little-endian (RFC 8032, section 5.1).
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

    #[test]
    fn rfc_8032_vectors_verify_and_changed_ones_do_not() {
        for (key, message, signature) in RFC8032 {
            let key = PublicKey::from_bytes(hex(key)).unwrap();
            let message: Vec<u8> = (0..message.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&message[at..at + 2], 16).unwrap())
                .collect();
            let bytes: [u8; 64] = hex(signature);
            assert_eq!(key.verify(&message, &Signature::from_bytes(bytes)), Ok(()));
            for byte in [0, 31, 32, 63] {
                let mut other = bytes;
                other[byte] ^= 1;
                let other = Signature::from_bytes(other);
                assert_eq!(key.verify(&message, &other), Err(BadSignature));
            }
        }
    }

    #[test]
    fn malleable_s_plus_l_is_refused() {
        let (key, message, signature) = (RFC8032[1].0, [0x72], RFC8032[1].2);
        let mut bytes: [u8; 64] = hex(signature);
        let order: [u8; 32] = hex(ORDER);
        let mut carry = 0;
        for (digit, add) in bytes[32..].iter_mut().zip(order) {
            let sum = u16::from(*digit) + u16::from(add) + carry;
            *digit = u8::try_from(sum & 0xff).unwrap();
            carry = sum >> 8;
        }
        let key = PublicKey::from_bytes(hex(key)).unwrap();
        let signature = Signature::from_bytes(bytes);
        assert_eq!(key.verify(&message, &signature), Err(BadSignature));
    }

    #[test]
    fn weak_keys_and_second_spellings_are_refused() {
        for (key, error) in [
            // The identity, the point of order two, two of order four, four of order eight.
            (
                "0100000000000000000000000000000000000000000000000000000000000000",
                KeyError::Weak,
            ),
            (
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                KeyError::Weak,
            ),
            (
                "0000000000000000000000000000000000000000000000000000000000000000",
                KeyError::Weak,
            ),
            (
                "0000000000000000000000000000000000000000000000000000000000000080",
                KeyError::Weak,
            ),
            (
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                KeyError::Weak,
            ),
            (
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                KeyError::Weak,
            ),
            (
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                KeyError::Weak,
            ),
            (
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                KeyError::Weak,
            ),
            // y = p and p + 1: zero and one, spelt again; y = 2^255 - 1: eighteen.
            (
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                KeyError::NonCanonical,
            ),
            (
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                KeyError::NonCanonical,
            ),
            (
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                KeyError::NonCanonical,
            ),
            // The identity with the sign of a zero x.
            (
                "0100000000000000000000000000000000000000000000000000000000000080",
                KeyError::NonCanonical,
            ),
            (
                "0200000000000000000000000000000000000000000000000000000000000000",
                KeyError::NotOnCurve,
            ),
        ] {
            assert_eq!(PublicKey::from_bytes(hex(key)), Err(error), "{key}");
        }
    }

    #[test]
    fn a_key_with_a_torsion_part_is_refused() {
        // From the "mixed order" keys of "Taming the many EdDSAs", table 6, case 4.
        let key = "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d";
        let lenient = VerifyingKey::from_bytes(&hex(key)).unwrap();
        assert!(!lenient.is_weak(), "not of small order, yet not honest");
        assert_eq!(PublicKey::from_bytes(hex(key)), Err(KeyError::Weak));
    }
}
