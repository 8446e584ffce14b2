//! Whether a signature counts: the rules of `docs/design/archive-trust.md`, in code.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{EcdsaPublicParams, KeyDetails, KeyVersion, PublicParams, Tag};

use super::{Fingerprint, OpenPgpError, Rule};
use crate::limits;
use crate::tree::Epoch;

/// A key or subkey that may have made a signature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    certificate: &'a SignedPublicKey,
    subkey: Option<&'a SignedPublicSubKey>,
}

impl<'a> Candidate<'a> {
    pub(super) fn primary(certificate: &'a SignedPublicKey) -> Self {
        Self {
            certificate,
            subkey: None,
        }
    }

    pub(super) fn subkey(certificate: &'a SignedPublicKey, subkey: &'a SignedPublicSubKey) -> Self {
        Self {
            certificate,
            subkey: Some(subkey),
        }
    }

    /// The key itself, not its primary key.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        match self.subkey {
            Some(subkey) => Fingerprint::of(&subkey.key),
            None => Fingerprint::of(&self.certificate.primary_key),
        }
    }

    /// Whether `signature` is over `text`, by arithmetic alone.
    pub(super) fn fits(&self, signature: &Signature, text: &str) -> Result<(), OpenPgpError> {
        let fits = match self.subkey {
            Some(subkey) => signature.verify(&subkey.key, text.as_bytes()),
            None => signature.verify(&self.certificate.primary_key, text.as_bytes()),
        };
        match fits {
            Ok(()) => Ok(()),
            Err(_) => Err(OpenPgpError::BadSignature(self.fingerprint())),
        }
    }

    /// Whether `signature`, which fits, counts at `now`; then when it was made.
    pub(super) fn judge(&self, signature: &Signature, now: u64) -> Result<u64, Rule> {
        let primary = &self.certificate.primary_key;
        check_key(primary)?;
        if !self.certificate.details.revocation_signatures.is_empty() {
            return Err(Rule::Revoked);
        }
        let mut bound = self_signature(self.certificate, now)?;
        let mut made = created_at(primary);
        in_force(made, bound, now)?;
        for direct in direct_signatures(self.certificate, now) {
            in_force(made, direct, now)?;
        }
        if let Some(subkey) = self.subkey {
            check_key(&subkey.key)?;
            bound = binding(primary, subkey, now)?;
            made = created_at(&subkey.key);
            in_force(made, bound, now)?;
        }
        if !bound.key_flags().sign() {
            return Err(Rule::NotForSigning);
        }
        match signature.typ() {
            Some(SignatureType::Text | SignatureType::Binary) => {}
            _ => return Err(Rule::Kind),
        }
        check_signature(signature, now)?;
        let time = signature_time(signature)?;
        if time < made {
            return Err(Rule::OlderThanKey);
        }
        Ok(time)
    }
}

/// The newest valid certification of a user name that was not revoked; a direct-key signature where
/// there are no user names (version 6).
fn self_signature(certificate: &SignedPublicKey, now: u64) -> Result<&Signature, Rule> {
    let key = &certificate.primary_key;
    let users = certificate.details.users.iter().filter(|user| {
        let revocation = |typ| typ == Some(SignatureType::CertRevocation);
        !user
            .signatures
            .iter()
            .any(|one| revocation(one.typ()) && is_by(one, key))
    });
    let mut valid: Vec<&Signature> = users
        .flat_map(|user| {
            let by_key = user.signatures.iter().filter(|one| is_by(one, key));
            by_key.filter(|one| {
                let fits = one.verify_certification(key, Tag::UserId, &user.id);
                one.typ() != Some(SignatureType::CertRevocation)
                    && fits.is_ok()
                    && check_signature(one, now).is_ok()
            })
        })
        .collect();
    if certificate.details.users.is_empty() {
        valid.extend(direct_signatures(certificate, now));
    }
    newest(valid)
}

fn direct_signatures(certificate: &SignedPublicKey, now: u64) -> Vec<&Signature> {
    let key = &certificate.primary_key;
    let all = certificate.details.direct_signatures.iter();
    all.filter(|one| {
        is_by(one, key) && one.verify_key(key).is_ok() && check_signature(one, now).is_ok()
    })
    .collect()
}

/// The newest valid binding of a subkey that was never revoked, confirmed by the subkey.
fn binding<'a>(
    primary: &PublicKey,
    subkey: &'a SignedPublicSubKey,
    now: u64,
) -> Result<&'a Signature, Rule> {
    let mut valid = Vec::new();
    for one in &subkey.signatures {
        if one.typ() == Some(SignatureType::SubkeyRevocation) {
            return Err(Rule::Revoked);
        }
        let fits = one.verify_subkey_binding(primary, &subkey.key).is_ok();
        if fits && check_signature(one, now).is_ok() {
            valid.push(one);
        }
    }
    let binding = newest(valid)?;
    if binding.key_flags().sign() {
        confirmed(primary, &subkey.key, binding, now)?;
    }
    Ok(binding)
}

fn confirmed(
    primary: &PublicKey,
    subkey: &PublicSubkey,
    binding: &Signature,
    now: u64,
) -> Result<(), Rule> {
    let back = binding.embedded_signature().ok_or(Rule::Unconfirmed)?;
    back.verify_primary_key_binding(subkey, primary)
        .or(Err(Rule::Unconfirmed))?;
    check_signature(back, now)
}

fn newest(mut signatures: Vec<&Signature>) -> Result<&Signature, Rule> {
    signatures.sort_by_key(|one| signature_time(one).unwrap_or(0));
    signatures.pop().ok_or(Rule::Unbound)
}

/// Whether the key that was made at `made` is in force at `now`, as `vouching` says.
fn in_force(made: u64, vouching: &Signature, now: u64) -> Result<(), Rule> {
    match vouching.key_expiration_time() {
        Some(after) if after.as_secs() > 0 => {
            let end = made.saturating_add(u64::from(after.as_secs()));
            if now < end {
                Ok(())
            } else {
                Err(Rule::KeyExpired(Epoch::saturating(end)))
            }
        }
        _ => Ok(()),
    }
}

/// The rules that every signature must keep, over text or keys.
fn check_signature(signature: &Signature, now: u64) -> Result<(), Rule> {
    check_hash(signature.hash_alg())?;
    let config = signature.config().ok_or(Rule::Kind)?;
    let unknown = config.hashed_subpackets().any(|part| {
        part.is_critical
            && matches!(
                part.data,
                SubpacketData::Experimental(..)
                    | SubpacketData::Other(..)
                    | SubpacketData::Notation(_)
            )
    });
    if unknown {
        return Err(Rule::Critical);
    }
    let made = signature_time(signature)?;
    if made > now.saturating_add(limits::CLOCK_SKEW) {
        return Err(Rule::FromTheFuture(Epoch::saturating(made)));
    }
    match signature.signature_expiration_time() {
        Some(after) if after.as_secs() > 0 => {
            let end = made.saturating_add(u64::from(after.as_secs()));
            if now < end {
                Ok(())
            } else {
                Err(Rule::SignatureExpired(Epoch::saturating(end)))
            }
        }
        _ => Ok(()),
    }
}

fn check_hash(hash: Option<HashAlgorithm>) -> Result<(), Rule> {
    match hash {
        Some(
            HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512,
        ) => Ok(()),
        Some(other) => Err(Rule::WeakHash(other.to_string())),
        None => Err(Rule::WeakHash("an unknown hash".to_owned())),
    }
}

fn check_key(key: &impl KeyDetails) -> Result<(), Rule> {
    match key.version() {
        KeyVersion::V4 | KeyVersion::V6 => {}
        other => return Err(Rule::KeyVersion(other.into())),
    }
    match key.public_params() {
        PublicParams::RSA(rsa) => {
            // A multiprecision integer starts with its length in bits (RFC 9580 section 3.2).
            let bytes = rsa.to_bytes().unwrap_or_default();
            let bits = bytes
                .first_chunk()
                .map_or(0, |length| u16::from_be_bytes(*length));
            if bits < RSA_BITS_MIN {
                return Err(Rule::WeakKey(format!("RSA with {bits} bits")));
            }
            Ok(())
        }
        PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. }
            | EcdsaPublicParams::P384 { .. }
            | EcdsaPublicParams::P521 { .. },
        )
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => Ok(()),
        _ => Err(Rule::WeakKey(format!("{:?}", key.algorithm()))),
    }
}

/// NIST SP 800-131A: shorter ones are disallowed.
const RSA_BITS_MIN: u16 = 2048;

fn is_by(signature: &Signature, key: &PublicKey) -> bool {
    signature.issuer_fingerprint().contains(&&key.fingerprint())
        || signature.issuer_key_id().contains(&&key.legacy_key_id())
}

fn signature_time(signature: &Signature) -> Result<u64, Rule> {
    let time = signature.created().ok_or(Rule::Undated)?;
    Ok(u64::from(time.as_secs()))
}

fn created_at(key: &impl KeyDetails) -> u64 {
    u64::from(key.created_at().as_secs())
}
