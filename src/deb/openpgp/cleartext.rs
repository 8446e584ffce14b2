//! Text that is signed in the clear (RFC 9580 section 7), as `InRelease` is.

use pgp::composed::CleartextSignedMessage;

use super::{Fingerprint, Keyring, OpenPgpError, Rejection};
use crate::digest::Digest;
use crate::limits;
use crate::tree::Epoch;

/// Text that trusted keys signed. There is no other way to one than [`verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    text: String,
    digest: Digest,
    signers: Vec<Fingerprint>,
    date: Epoch,
}

impl Signed {
    /// What was signed, with dash escapes undone and blanks at the ends of lines dropped, as the
    /// signature covers it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of the whole file, signatures included.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The keys (or subkeys) whose signatures count, sorted.
    pub fn signers(&self) -> &[Fingerprint] {
        &self.signers
    }

    /// When the newest of the signatures that count was made.
    pub fn date(&self) -> Epoch {
        self.date
    }
}

/// Verifies that a key of `keyring` signed `bytes`, as judged at `now` (seconds since 1970).
///
/// One signature that counts is enough; signatures by unknown keys are passed over. A signature by
/// a known key that does not fit the text condemns the whole.
///
/// # Errors
/// The rule that was broken.
pub fn verify(bytes: &[u8], keyring: &Keyring, now: u64) -> Result<Signed, OpenPgpError> {
    let message = parse(bytes)?;
    let covered = message.signed_text();
    let (mut signers, mut rejected, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let mut date = Epoch::saturating(0);
    for signature in message.signatures() {
        let fingerprints = signature.issuer_fingerprint();
        let ids = signature.issuer_key_id();
        let candidates = keyring.candidates(&fingerprints, &ids);
        if candidates.is_empty() {
            let named = fingerprints
                .first()
                .map(|one| Fingerprint::hex(one.as_bytes()));
            let named = named.map(|one| one.to_string());
            let id = ids.first().map(|id| id.to_string().to_uppercase());
            unknown.push(named.or(id).unwrap_or_else(|| "an unnamed key".to_owned()));
        }
        for candidate in candidates {
            candidate.fits(signature, &covered)?;
            match candidate.judge(signature, now) {
                Ok(time) => {
                    signers.push(candidate.fingerprint());
                    date = date.max(Epoch::saturating(time));
                }
                Err(rule) => rejected.push(Rejection {
                    key: candidate.fingerprint(),
                    rule,
                }),
            }
        }
    }
    if signers.is_empty() && !rejected.is_empty() {
        return Err(OpenPgpError::Rejected(rejected));
    }
    if signers.is_empty() {
        return Err(OpenPgpError::UnknownKeys {
            signed_by: unknown,
            trusted: keyring.fingerprints(),
        });
    }
    signers.sort();
    signers.dedup();
    Ok(Signed {
        text: covered.replace("\r\n", "\n"),
        digest: Digest::of(bytes),
        signers,
        date,
    })
}

const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----\n";
const END: &str = "\n-----END PGP SIGNATURE-----";

/// Stricter than the library: one message, at the very start, with nothing behind it, and no
/// characters that two readers could take for different line ends.
fn parse(bytes: &[u8]) -> Result<CleartextSignedMessage, OpenPgpError> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limits::RELEASE_MAX) {
        return Err(OpenPgpError::TooLarge(limits::RELEASE_MAX));
    }
    if !bytes.starts_with(BEGIN.as_bytes()) {
        return Err(OpenPgpError::Unsigned);
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return Err(malformed("it is not UTF-8"));
    };
    let odd = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    if text.contains(odd) {
        return Err(malformed("it has control characters"));
    }
    if text.matches("-----BEGIN PGP SIGNED MESSAGE-----").count() != 1 {
        return Err(malformed("it has more than one message"));
    }
    if !text.trim_end_matches('\n').ends_with(END) {
        return Err(malformed("it does not end with its signature"));
    }
    let (message, _) = CleartextSignedMessage::from_string(text).map_err(malformed)?;
    match message.signatures().len() {
        0 => Err(OpenPgpError::Unsigned),
        count if count > limits::SIGNATURES_MAX => Err(OpenPgpError::TooManySignatures(count)),
        _ => Ok(message),
    }
}

fn malformed(reason: impl std::fmt::Display) -> OpenPgpError {
    OpenPgpError::Malformed(format!("{reason}"))
}
