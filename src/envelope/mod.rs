//! DSSE envelopes (<https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md>).
//!
//! An [`Envelope`] is what somebody sent: exact payload bytes, a type, signatures. It proves
//! nothing until it is opened under a [`crate::key::TrustRoot`]; the door for statements is in
//! [`crate::baseline`], the one for trust roots is [`crate::key::TrustRoot::parse`].
//! The format, and what is refused: `docs/formats/envelope.md`.

mod codec;
#[cfg(feature = "build")]
mod exact;
mod trust;

pub use codec::{Envelope, EnvelopeError};
