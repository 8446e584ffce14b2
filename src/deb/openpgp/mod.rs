//! Signatures on archive metadata (RFC 9580), judged by a written policy.
//!
//! rPGP parses packets and does the arithmetic; whether a signature *counts* is decided here. There
//! is one door: [`verify`] takes the bytes of an `InRelease`, a [`Keyring`] and the time, and gives a
//! [`Signed`], the only thing from which a Release file is parsed. The policy, each rule a variant
//! of [`Rule`], is explained in `docs/design/archive-trust.md`.

mod cleartext;
mod error;
mod fingerprint;
mod keyring;
mod policy;

pub use cleartext::{Signed, verify};
pub use error::{OpenPgpError, Rejection, Rule};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use keyring::Keyring;
