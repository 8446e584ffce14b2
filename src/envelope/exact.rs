//! The one spelling of an envelope, read without a detour: for who reads a million of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Envelope;
use crate::key::{Claim, Signature, Signed};
use crate::limits;

impl Envelope {
    /// Reads an envelope in the one spelling that [`Envelope::to_bytes`] writes, without escapes in its
    /// texts; `None` where it is spelled otherwise, or is none: [`Envelope::parse`] tells.
    ///
    /// Whatever this reads, [`Envelope::parse`] reads as the same, and these bytes are what
    /// [`Envelope::to_bytes`] makes of it.
    pub fn parse_exact(bytes: &[u8]) -> Option<Self> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::ENVELOPE_MAX) {
            return None;
        }
        let (payload, rest) = text(bytes, b"{\"payload\":\"")?;
        let (payload_type, rest) = text(rest, b",\"payloadType\":\"")?;
        let mut rest = rest.strip_prefix(b",\"signatures\":[")?;
        let mut claims = Vec::new();
        loop {
            let (key_id, after) = text(rest, b"{\"keyid\":\"")?;
            let (signature, after) = text(after, b",\"sig\":\"")?;
            let signature = STANDARD.decode(signature).ok()?.try_into().ok()?;
            if claims.len() >= limits::SIGNATURES_MAX {
                return None;
            }
            claims.push(Claim {
                key_id: key_id.to_owned(),
                signature: Signature::from_bytes(signature),
            });
            let after = after.strip_prefix(b"}")?;
            match after.strip_prefix(b",") {
                Some(next) => rest = next,
                None if after == b"]}\n" => break,
                None => return None,
            }
        }
        Some(Self::new(Signed {
            payload_type: payload_type.to_owned(),
            payload: STANDARD.decode(payload).ok()?,
            claims,
        }))
    }
}

/// The text behind `before`, up to its quotation mark; and what follows that. Text with anything that
/// JSON escapes, or that is not ASCII, is left to the reader who knows all of JSON.
fn text<'a>(bytes: &'a [u8], before: &[u8]) -> Option<(&'a str, &'a [u8])> {
    let rest = bytes.strip_prefix(before)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let (text, after) = rest.split_at_checked(end)?;
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'\\';
    if !text.iter().all(plain) {
        return None;
    }
    Some((std::str::from_utf8(text).ok()?, after.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Signer as _, SigningKey};

    fn envelope(payload_type: &str, key_id: &str, signers: u8) -> Envelope {
        let mut signed = Signed::new(payload_type, b"{\"a\":1}".to_vec());
        for seed in 0..signers {
            let key = SigningKey::from_seed([seed; 32]);
            let signature = key.sign(&signed.message()).unwrap();
            signed.claims.push(Claim {
                key_id: key_id.to_owned(),
                signature,
            });
        }
        Envelope::new(signed)
    }

    #[test]
    fn what_is_written_is_read() {
        for signers in [1, 2, 64] {
            let envelope = envelope("application/x", "0123", signers);
            assert_eq!(Envelope::parse_exact(&envelope.to_bytes()), Some(envelope));
        }
        for (kind, id, signers) in [
            ("a", "b", 0),
            ("a", "b", 65),
            ("\"", "b", 1),
            ("a", "\u{fc}", 1),
        ] {
            assert_eq!(
                Envelope::parse_exact(&envelope(kind, id, signers).to_bytes()),
                None
            );
        }
    }

    /// Each byte of an envelope becomes some other one, or goes, or stands twice.
    #[test]
    fn whatever_is_read_is_what_the_strict_reader_reads() {
        let good = envelope("application/x", "0123", 2).to_bytes();
        let mut taken = 0;
        let mut judge = |bytes: &[u8]| {
            if let Some(read) = Envelope::parse_exact(bytes) {
                taken += 1;
                assert_eq!(read.to_bytes(), bytes);
                assert_eq!(Envelope::parse(bytes), Ok(read));
            }
        };
        for place in 0..good.len() {
            for byte in [
                0, b'\n', b' ', b'"', b'+', b',', b'-', b'/', b'0', b'=', b'A', b'_', b'}', b'\\',
                0xff,
            ] {
                let mut changed = good.clone();
                changed[place] = byte;
                judge(&changed);
            }
            let mut changed = good.clone();
            changed.remove(place);
            judge(&changed);
            let mut changed = good.clone();
            changed.insert(place, good[place]);
            judge(&changed);
            judge(&good[..place]);
        }
        assert!(taken > 100, "{taken}");
    }
}
