//! Keys, signatures, the trust root and the one threshold loop.
//!
//! Ed25519 alone (RFC 8032), pure, never prehashed. Public keys are refused at the door where they
//! are not what an honest signer makes ([`PublicKey::from_bytes`]), so whoever holds a
//! [`PublicKey`] holds a good one. Whether enough people signed is asked in one place, [`threshold`]:
//! it counts distinct raw keys, never signatures, never key ids.
//!
//! A [`Signed`] is a message with its signatures as DSSE frames it; the `envelope` module reads and
//! writes its JSON. A [`TrustRoot`] says whose signatures count for what. Formats:
//! `docs/formats/keys.md` and `docs/formats/trust-root.md`.

#[cfg(feature = "build")]
mod attribution;
#[cfg(feature = "build")]
mod private;
mod public;
mod signed;
mod signer;
mod spki;
mod threshold;
mod trust;

#[cfg(feature = "build")]
pub use attribution::{Attribution, Candidates, Maker};
#[cfg(feature = "build")]
pub use private::{Passphrase, PrivateKeyError, SigningKey};
pub use public::{BadSignature, KeyError, KeyId, PublicKey, Signature};
pub use signed::{Claim, Signed};
pub use signer::{Signer, SignerError};
pub use threshold::{Quorum, Rejected, ThresholdError, threshold, threshold_each};
pub use trust::{
    ImageGlob, ImageGlobError, LogPolicy, Position, Receipts, Role, RoleKey, RoleKeys,
    TrustDocument, TrustError, TrustRoot,
};
