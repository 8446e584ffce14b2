//! Trusted keys.

use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::packet::{Packet, PacketParser, SignatureType};
use pgp::types::KeyId;

use super::policy::Candidate;
use super::{Fingerprint, OpenPgpError};
use crate::limits;

/// Keys that may sign an archive's metadata.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    certificates: Vec<SignedPublicKey>,
}

impl Keyring {
    /// Reads a keyring as `GnuPG` exports it: binary, or in one or more blocks of ASCII armour.
    ///
    /// # Errors
    /// It is too large, empty or malformed, or it has private keys.
    pub fn parse(bytes: &[u8]) -> Result<Self, OpenPgpError> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > limits::KEYRING_MAX) {
            return Err(OpenPgpError::TooLarge(limits::KEYRING_MAX));
        }
        let mut keyring = Self::default();
        if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
            keyring.read(bytes)?;
        } else {
            let Ok(text) = str::from_utf8(bytes) else {
                return Err(bad("it is neither binary nor ASCII armour"));
            };
            for block in blocks(text)? {
                keyring.read(&dearmour(block)?)?;
            }
        }
        if keyring.certificates.is_empty() {
            return Err(OpenPgpError::EmptyKeyring);
        }
        Ok(keyring)
    }

    /// The keys of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.certificates.extend(other.certificates);
        self
    }

    /// The primary keys, in the order of the keyring.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certificates.iter().map(Fingerprint::of).collect()
    }

    /// The keys and subkeys that one of these hints may mean.
    pub(super) fn candidates(
        &self,
        fingerprints: &[&pgp::types::Fingerprint],
        ids: &[&KeyId],
    ) -> Vec<Candidate<'_>> {
        let wanted = |key: &dyn pgp::types::KeyDetails| {
            fingerprints.contains(&&key.fingerprint()) || ids.contains(&&key.legacy_key_id())
        };
        let mut candidates = Vec::new();
        for certificate in &self.certificates {
            if wanted(&certificate.primary_key) {
                candidates.push(Candidate::primary(certificate));
            }
            for subkey in &certificate.public_subkeys {
                if wanted(&subkey.key) {
                    candidates.push(Candidate::subkey(certificate, subkey));
                }
            }
        }
        candidates
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), OpenPgpError> {
        let mut seen = Seen::default();
        for packet in PacketParser::new(bytes) {
            match packet.map_err(bad)? {
                Packet::PublicKey(_) => seen.keys += 1,
                Packet::PublicSubkey(_) => seen.subkeys += 1,
                Packet::SecretKey(_) | Packet::SecretSubkey(_) => {
                    return Err(bad("it has a private key"));
                }
                Packet::Signature(signature) => {
                    let revocation = matches!(
                        signature.typ(),
                        Some(SignatureType::KeyRevocation | SignatureType::SubkeyRevocation)
                    );
                    seen.revocations += usize::from(revocation);
                }
                _ => {}
            }
        }
        let mut kept = Seen::default();
        for certificate in SignedPublicKey::from_bytes_many(bytes).map_err(bad)? {
            let certificate = certificate.map_err(bad)?;
            kept.keys += 1;
            kept.subkeys += certificate.public_subkeys.len();
            kept.revocations += certificate.details.revocation_signatures.len();
            for subkey in &certificate.public_subkeys {
                let of_subkey = |typ| typ == Some(SignatureType::SubkeyRevocation);
                let revocations = subkey.signatures.iter().map(pgp::packet::Signature::typ);
                kept.revocations += revocations.filter(|typ| of_subkey(*typ)).count();
            }
            self.certificates.push(certificate);
        }
        // The parser drops what stands where it should not. A dropped revocation would leave a
        // revoked key in force.
        if seen != kept {
            return Err(bad("keys or revocations stand where they should not"));
        }
        Ok(())
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    keys: usize,
    subkeys: usize,
    revocations: usize,
}

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

fn blocks(text: &str) -> Result<Vec<&str>, OpenPgpError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let block = rest.get(start..).unwrap_or_default();
        let end = block.find(END).ok_or_else(|| bad("a block does not end"))?;
        let (block, after) = block
            .split_at_checked(end.saturating_add(END.len()))
            .ok_or_else(|| bad("a block does not end"))?;
        blocks.push(block);
        rest = after;
    }
    Ok(blocks)
}

fn dearmour(block: &str) -> Result<Vec<u8>, OpenPgpError> {
    let mut reader = pgp::armor::Dearmor::new(block.as_bytes());
    reader.read_header().map_err(bad)?;
    crate::sys::fs::read_all(reader, limits::KEYRING_MAX).map_err(bad)
}

fn bad(reason: impl std::fmt::Display) -> OpenPgpError {
    OpenPgpError::BadKeyring(format!("{reason}"))
}
