//! The JSON of an envelope.

use base64::Engine as _;
use base64::engine::general_purpose::{
    STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT,
};
use serde::Deserialize;

use crate::json::{self, JsonError};
use crate::key::{Claim, Signature, Signed, Signer, SignerError};
use crate::limits;

/// A DSSE envelope, not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    signed: Signed,
}

/// Why bytes are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Too large, too deep, a key twice, not JSON, or not the fields of an envelope.
    #[error("envelope: {0}")]
    Json(#[from] JsonError),
    /// The payload is not base64.
    #[error("envelope: the payload is not base64")]
    PayloadBase64,
    /// A signature is not the base64 of 64 bytes.
    #[error("envelope: signature {0} is not the base64 of 64 bytes")]
    Signature(usize),
    /// More signatures than are read.
    #[error("envelope: there are more than {} signatures", limits::SIGNATURES_MAX)]
    TooManySignatures,
    /// Nobody signed.
    #[error("envelope: there is no signature")]
    Unsigned,
}

/// The fields in canonical order; others are ignored, as DSSE demands of readers.
#[derive(Deserialize)]
struct Raw {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<RawSignature>,
}

#[derive(Deserialize)]
struct RawSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Puts a signed payload into an envelope.
    pub fn new(signed: Signed) -> Self {
        Self { signed }
    }

    /// The same with its first `count` signatures only: as it was before others signed.
    #[must_use]
    pub fn with_first(&self, count: usize) -> Self {
        Self::new(Signed {
            payload_type: self.signed.payload_type.clone(),
            payload: self.signed.payload.clone(),
            claims: self.signed.claims.iter().take(count).cloned().collect(),
        })
    }

    /// Reads an envelope of at most [`limits::ENVELOPE_MAX`] bytes.
    ///
    /// Base64 may be the standard or the URL-safe one. Unknown fields are ignored.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Self::parse_capped(bytes, limits::ENVELOPE_MAX)
    }

    pub(super) fn parse_capped(bytes: &[u8], cap: u64) -> Result<Self, EnvelopeError> {
        let envelope = Self::parse_any(bytes, cap)?;
        if envelope.signed.claims.is_empty() {
            return Err(EnvelopeError::Unsigned);
        }
        Ok(envelope)
    }

    /// As `parse_capped`, signed or not.
    pub(super) fn parse_any(bytes: &[u8], cap: u64) -> Result<Self, EnvelopeError> {
        let raw: Raw = json::read(bytes, cap)?;
        if raw.signatures.len() > limits::SIGNATURES_MAX {
            return Err(EnvelopeError::TooManySignatures);
        }
        let payload = decode(&raw.payload).ok_or(EnvelopeError::PayloadBase64)?;
        let mut claims = Vec::with_capacity(raw.signatures.len());
        for (index, signature) in raw.signatures.into_iter().enumerate() {
            let bytes = decode(&signature.sig)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(EnvelopeError::Signature(index))?;
            claims.push(Claim {
                key_id: signature.keyid,
                signature: Signature::from_bytes(bytes),
            });
        }
        Ok(Self::new(Signed {
            payload_type: raw.payload_type,
            payload,
            claims,
        }))
    }

    /// The envelope as a file: one line of canonical JSON, standard base64, and a line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        // By hand: a third of the code that serde makes of it, and the agent needs it for Receipts.
        let mut out = String::from("{\"payload\":\"");
        out.push_str(&STANDARD.encode(&self.signed.payload));
        out.push_str("\",\"payloadType\":");
        push_text(&mut out, &self.signed.payload_type);
        out.push_str(",\"signatures\":[");
        for (index, claim) in self.signed.claims.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            out.push_str("{\"keyid\":");
            push_text(&mut out, &claim.key_id);
            out.push_str(",\"sig\":\"");
            out.push_str(&STANDARD.encode(claim.signature.as_bytes()));
            out.push_str("\"}");
        }
        out.push_str("]}\n");
        out.into_bytes()
    }

    /// What was signed, and what claims to be its signatures: unchecked.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }

    /// Adds the signature of `signer`, unless it is there already.
    ///
    /// # Errors
    /// The signer fails, or there are too many signatures.
    pub fn sign(&mut self, signer: &dyn Signer) -> Result<(), SignerError> {
        if self.signed.claims.len() >= limits::SIGNATURES_MAX
            && !self.signed.is_signed_by(&signer.public_key())
        {
            return Err(SignerError::Refused(format!(
                "the envelope has {} signatures already",
                limits::SIGNATURES_MAX
            )));
        }
        self.signed.sign(signer)
    }

    /// Adds those signatures of `other`, over the same payload, that are not here yet.
    ///
    /// Returns whether the payloads are the same; if not, nothing is added.
    #[must_use = "whether it was the same payload"]
    pub fn merge(&mut self, other: &Self) -> bool {
        let (ours, theirs) = (&mut self.signed, &other.signed);
        if ours.payload != theirs.payload || ours.payload_type != theirs.payload_type {
            return false;
        }
        for claim in &theirs.claims {
            let known = ours
                .claims
                .iter()
                .any(|known| known.signature == claim.signature);
            if !known && ours.claims.len() < limits::SIGNATURES_MAX {
                ours.claims.push(claim.clone());
            }
        }
        true
    }
}

/// Adds `text` as a JSON string.
fn push_text(out: &mut String, text: &str) {
    // Text always has a JSON form.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Standard or URL-safe base64 (RFC 4648, sections 4 and 5), padded or not; DSSE's readers take
/// both.
fn decode(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['-', '_']) {
        URL_SAFE_PAD_INDIFFERENT
    } else {
        STANDARD_PAD_INDIFFERENT
    };
    engine.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Envelope, EnvelopeError> {
        Envelope::parse(json.as_bytes())
    }

    fn with(payload: &str, sig: &str) -> String {
        format!(
            r#"{{"payload":"{payload}","payloadType":"t","signatures":[{{"keyid":"k","sig":"{sig}"}}]}}"#
        )
    }

    fn sig() -> String {
        STANDARD.encode([0xfb; 64])
    }

    #[test]
    fn canonical_bytes_round_trip() {
        let text = with("+/8=", &sig()) + "\n";
        assert_eq!(parse(&text).unwrap().to_bytes(), text.as_bytes());
    }

    #[test]
    fn what_is_written_is_canonical_json() {
        for word in ["", "a\"b\\c", "\u{1f}\n\u{7f}\u{2028}é/", "\u{1f511}"] {
            let claim = Claim {
                key_id: word.to_owned(),
                signature: Signature::from_bytes([7; 64]),
            };
            let signed = Signed {
                payload_type: word.to_owned(),
                payload: word.into(),
                claims: vec![claim.clone(), claim],
            };
            let bytes = Envelope::new(signed).to_bytes();
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let canonical = [&json::canonical(&value).unwrap(), &b"\n"[..]].concat();
            assert_eq!(bytes, canonical, "{word:?}");
        }
    }

    #[test]
    fn url_safe_base64_is_the_same_envelope() {
        let url_safe = with("-_8", &sig().replace('+', "-").replace('/', "_"));
        assert_eq!(parse(&url_safe), parse(&with("+/8=", &sig())));
    }

    #[test]
    fn unknown_fields_are_ignored_and_a_key_id_may_be_absent() {
        let text = format!(
            r#"{{"x":[{{}}],"signatures":[{{"sig":"{}","cert":"c"}}],"payloadType":"t","payload":""}}"#,
            sig()
        );
        let envelope = parse(&text).unwrap();
        assert_eq!(envelope.signed().claims[0].key_id, "");
    }

    #[test]
    fn each_rule_has_its_error() {
        let good = with("", &sig());
        let many = vec![format!(r#"{{"sig":"{}"}}"#, sig()); limits::SIGNATURES_MAX + 1];
        for (text, error) in [
            (with("a", &sig()), EnvelopeError::PayloadBase64),
            (with("ab==cd==", &sig()), EnvelopeError::PayloadBase64),
            // Trailing bits that are not zero: a second spelling.
            (with("AB==", &sig()), EnvelopeError::PayloadBase64),
            (with("+_8=", &sig()), EnvelopeError::PayloadBase64),
            (with("", "AAAA"), EnvelopeError::Signature(0)),
            (with("", "?"), EnvelopeError::Signature(0)),
            (
                r#"{"payload":"","payloadType":"t","signatures":[]}"#.to_owned(),
                EnvelopeError::Unsigned,
            ),
            (
                format!(
                    r#"{{"payload":"","payloadType":"t","signatures":[{}]}}"#,
                    many.join(",")
                ),
                EnvelopeError::TooManySignatures,
            ),
            (
                good.replacen('{', r#"{"payload":"","#, 1),
                JsonError::DuplicateKey("payload".to_owned()).into(),
            ),
            (
                " ".repeat(65_536),
                JsonError::TooLarge(limits::ENVELOPE_MAX).into(),
            ),
        ] {
            assert_eq!(parse(&text), Err(error), "{text:.200}");
        }
        for text in [format!("{good}{good}"), String::new(), "[]".to_owned()] {
            assert!(
                matches!(parse(&text), Err(EnvelopeError::Json(_))),
                "{text}"
            );
        }
    }
}
