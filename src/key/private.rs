//! Private key files: PKCS#8, plain or encrypted.

use std::fmt;

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::der::{Decode as _, Encode as _, SecretDocument};
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use zeroize::{Zeroize as _, Zeroizing};

use super::{PublicKey, Signature, Signer, SignerError};

/// id-Ed25519 (RFC 8410).
const ED25519: pkcs8::ObjectIdentifier = pkcs8::ObjectIdentifier::new_unwrap("1.3.101.112");

/// An Ed25519 private key in memory; wiped when dropped, never shown.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// What protects a key file; wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why there is no private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Neither `PRIVATE KEY` nor `ENCRYPTED PRIVATE KEY` in PEM, nor their DER.
    #[error("it is no private key file (PKCS#8 in PEM or DER)")]
    Format,
    /// A public key was given.
    #[error("it holds a public key, not a private one")]
    Public,
    /// A private key in OpenSSH's own format.
    #[error("it is in OpenSSH's own format, not PKCS#8")]
    OpenSsh,
    /// A key of another algorithm.
    #[error("it is a key of another algorithm than Ed25519")]
    Algorithm,
    /// It carries a public half that is not its own (RFC 8410, section 7: a fault or an attack).
    #[error("its public half does not belong to its private half")]
    Mismatch,
    /// It is encrypted and no passphrase was given.
    #[error("it is encrypted: a passphrase is needed")]
    Encrypted,
    /// The passphrase is wrong, or the file is broken; nobody can tell which.
    #[error("the passphrase is wrong, or the file is broken")]
    Passphrase,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

impl Passphrase {
    /// Takes a passphrase.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes the first line of what came from a file descriptor or a prompt, without its end.
    pub fn from_line(bytes: Vec<u8>) -> Self {
        let bytes = Zeroizing::new(bytes);
        let line = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        Self::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
    }

    /// The bytes themselves: for a token, which takes them as its PIN.
    #[cfg(feature = "pkcs11")]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(hidden)")
    }
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, PrivateKeyError> {
        Ok(Self::from_seed(random()?))
    }

    /// Takes the 32 secret bytes of RFC 8032.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        seed.zeroize();
        Self(key)
    }

    /// Reads a key file: PKCS#8 version 1 or 2 (RFC 5958), in PEM or DER, plain or encrypted.
    ///
    /// `passphrase` is called only where the file is encrypted; `None` means that there is none.
    ///
    /// # Errors
    /// It is something else, or cannot be decrypted.
    pub fn read(
        file: &[u8],
        passphrase: impl FnOnce() -> Option<Passphrase>,
    ) -> Result<Self, PrivateKeyError> {
        let der = match std::str::from_utf8(file) {
            Ok(text) if text.contains("-----BEGIN ") => from_pem(text)?,
            _ => SecretDocument::try_from(file).or(Err(PrivateKeyError::Format))?,
        };
        let Ok(encrypted) = EncryptedPrivateKeyInfoRef::from_der(der.as_bytes()) else {
            return Self::from_der(der.as_bytes());
        };
        let passphrase = passphrase().ok_or(PrivateKeyError::Encrypted)?;
        let plain = encrypted
            .decrypt(passphrase.0.as_slice())
            .or(Err(PrivateKeyError::Passphrase))?;
        match Self::from_der(plain.as_bytes()) {
            // A wrong passphrase passes the padding check once in some 250 times.
            Err(PrivateKeyError::Format) => Err(PrivateKeyError::Passphrase),
            other => other,
        }
    }

    /// Whether a key file asks for a passphrase.
    pub fn is_encrypted(file: &[u8]) -> bool {
        matches!(Self::read(file, || None), Err(PrivateKeyError::Encrypted))
    }

    fn from_der(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let Ok(info) = PrivateKeyInfoRef::from_der(der) else {
            let public = PublicKey::from_file(der).is_ok();
            return Err(if public {
                PrivateKeyError::Public
            } else {
                PrivateKeyError::Format
            });
        };
        if info.algorithm.oid != ED25519 || info.algorithm.parameters.is_some() {
            return Err(PrivateKeyError::Algorithm);
        }
        // CurvePrivateKey (RFC 8410, section 7): an OCTET STRING inside the OCTET STRING.
        let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes())
            .ok()
            .and_then(|seed| Zeroizing::new(<[u8; 32]>::try_from(seed.as_bytes()).ok()?).into())
            .ok_or(PrivateKeyError::Format)?;
        let key = Self::from_seed(*seed);
        let public = info.public_key.map(|bits| bits.as_bytes());
        match public {
            Some(bytes) if bytes != Some(key.public_key().as_bytes()) => {
                Err(PrivateKeyError::Mismatch)
            }
            _ => Ok(key),
        }
    }

    /// PKCS#8 **version 1** in DER: version 2, with the public half, is what OpenSSL before 3.5
    /// cannot read.
    fn to_der(&self) -> Result<SecretDocument, PrivateKeyError> {
        let seed = Zeroizing::new(self.0.to_bytes());
        let inner = OctetStringRef::new(seed.as_slice())
            .and_then(|seed| seed.to_der())
            .map(Zeroizing::new)
            .or(Err(PrivateKeyError::Format))?;
        let algorithm = AlgorithmIdentifierRef {
            oid: ED25519,
            parameters: None,
        };
        let inner = OctetStringRef::new(&inner).or(Err(PrivateKeyError::Format))?;
        SecretDocument::encode_msg(&PrivateKeyInfoRef::new(algorithm, inner))
            .or(Err(PrivateKeyError::Format))
    }

    /// The key file, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// Never with a key of the right length; encoding is fallible in principle.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, PrivateKeyError> {
        pem(&self.to_der()?, PrivateKeyInfoRef::PEM_LABEL)
    }

    /// The key file, encrypted so that OpenSSL 1.1 and later read it: PBES2 with scrypt
    /// (N = 16384, r = 8, p = 1: OpenSSL's own memory limit refuses more) and AES-256-CBC.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn to_encrypted_pem(
        &self,
        passphrase: &Passphrase,
    ) -> Result<Zeroizing<String>, PrivateKeyError> {
        let (salt, iv): ([u8; 16], [u8; 16]) = (random()?, random()?);
        let parameters = scrypt::Params::new(14, 8, 1)
            .ok()
            .and_then(|cost| pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).ok())
            .ok_or(PrivateKeyError::Format)?;
        let der = self.to_der()?;
        let encrypted = PrivateKeyInfoRef::from_der(der.as_bytes())
            .and_then(|info| {
                info.encrypt_with_params(parameters, passphrase.0.as_slice())
                    .or(Err(pkcs8::der::ErrorKind::Failed.into()))
            })
            .or(Err(PrivateKeyError::Format))?;
        pem(&encrypted, EncryptedPrivateKeyInfoRef::PEM_LABEL)
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        PublicKey::of_own(&self.0.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let signature = ed25519_dalek::Signer::sign(&self.0, message);
        Ok(Signature::from_bytes(signature.to_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(hidden, {:?})", self.public_key())
    }
}

fn from_pem(text: &str) -> Result<SecretDocument, PrivateKeyError> {
    // Its lines are of another length, so the reader of PEM would only say that it is broken.
    if text.contains("-----BEGIN OPENSSH PRIVATE KEY-----") {
        return Err(PrivateKeyError::OpenSsh);
    }
    let Ok((label, der)) = SecretDocument::from_pem(text.trim_start()) else {
        return Err(PrivateKeyError::Format);
    };
    match label {
        PrivateKeyInfoRef::PEM_LABEL | EncryptedPrivateKeyInfoRef::PEM_LABEL => Ok(der),
        "PUBLIC KEY" => Err(PrivateKeyError::Public),
        _ => Err(PrivateKeyError::Format),
    }
}

fn pem(der: &SecretDocument, label: &'static str) -> Result<Zeroizing<String>, PrivateKeyError> {
    der.to_pem(label, LineEnding::LF)
        .or(Err(PrivateKeyError::Format))
}

fn random<const N: usize>() -> Result<[u8; N], PrivateKeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).or(Err(PrivateKeyError::Random))?;
    Ok(bytes)
}
