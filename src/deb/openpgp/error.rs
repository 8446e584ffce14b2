//! Which rule was broken.

use std::fmt;

use super::Fingerprint;
use crate::tree::Epoch;

/// Why signed text is not accepted, or a keyring not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenPgpError {
    /// The text is not signed in the clear (RFC 9580 section 7): it does not begin with the line
    /// that says so.
    #[error("it is not signed: it does not begin with a line -----BEGIN PGP SIGNED MESSAGE-----")]
    Unsigned,
    /// The text is larger than any Release file.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// It is not UTF-8, or has carriage returns, NUL bytes or something before or after the one
    /// signed message.
    #[error("the signed message is malformed: {0}")]
    Malformed(String),
    /// There are more signatures than anybody needs.
    #[error("it has {0} signatures, more than anybody needs")]
    TooManySignatures(usize),
    /// No key of the keyring made any of the signatures.
    #[error("no trusted key signed it (signed by {}; trusted: {})", List(.signed_by), List(.trusted))]
    UnknownKeys {
        /// Key ids or fingerprints that the signatures name.
        signed_by: Vec<String>,
        /// The primary keys of the keyring.
        trusted: Vec<Fingerprint>,
    },
    /// A key of the keyring is named by a signature that does not fit the text: the text was
    /// changed after signing.
    #[error("the signature of {0} does not fit the text: it was changed after it was signed")]
    BadSignature(Fingerprint),
    /// Trusted keys signed it, but the policy counts none of the signatures.
    #[error("no signature counts: {}", List(.0))]
    Rejected(Vec<Rejection>),
    /// A keyring has no keys.
    #[error("the keyring has no keys")]
    EmptyKeyring,
    /// A keyring cannot be read.
    #[error("the keyring is malformed: {0}")]
    BadKeyring(String),
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The key that made it.
    pub key: Fingerprint,
    /// Why it does not count.
    pub rule: Rule,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.rule)
    }
}

/// The rules of the policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// Keys are of version 4 or 6.
    #[error("keys of version {0} are not accepted")]
    KeyVersion(u8),
    /// RSA of at least 2048 bits, `EdDSA`, or ECDSA over a NIST curve.
    #[error("keys of the kind {0} are too weak or unknown")]
    WeakKey(String),
    /// SHA-256 or a stronger hash, for signatures and for self-signatures.
    #[error("signatures over {0} are too weak or unknown")]
    WeakHash(String),
    /// Somebody revoked the key, whenever that was.
    #[error("the key was revoked")]
    Revoked,
    /// The primary key vouches for the subkey, its user name and its own expiry by a valid
    /// signature.
    #[error("no valid signature of the primary key vouches for it")]
    Unbound,
    /// A signing subkey confirms that it belongs to the primary key (type 0x19).
    #[error("the subkey does not confirm that it belongs to the primary key")]
    Unconfirmed,
    /// The key may sign data (key flags 0x02).
    #[error("the key is not meant for signing")]
    NotForSigning,
    /// The key is in force.
    #[error("the key expired at {}", .0.rfc3339())]
    KeyExpired(Epoch),
    /// The signature is not older than its key.
    #[error("the signature claims to be older than its key")]
    OlderThanKey,
    /// The signature says when it was made, and that was not in the future.
    #[error("the signature claims to be made at {}, which is in the future", .0.rfc3339())]
    FromTheFuture(Epoch),
    /// The signature says when it was made, in its signed part.
    #[error("the signature does not say when it was made")]
    Undated,
    /// The signature has not expired.
    #[error("the signature expired at {}", .0.rfc3339())]
    SignatureExpired(Epoch),
    /// The signature is one over text or data (types 0x00, 0x01).
    #[error("the signature is not one over text")]
    Kind,
    /// Nothing in the signature that must be understood is unknown.
    #[error("the signature has a critical part that karat does not know")]
    Critical,
}

/// A list for a sentence.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody");
        }
        for (number, item) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}
