//! Trust root files: envelopes with a trust root in them.

use super::{Envelope, EnvelopeError};
use crate::key::{TrustError, TrustRoot};
use crate::limits;

impl TrustRoot {
    /// Reads the trust root file that somebody chose to trust; see [`TrustRoot::pinned`].
    ///
    /// # Errors
    /// The file is no envelope, breaks a rule, or too few of its own root keys signed it.
    pub fn parse(file: &[u8]) -> Result<Self, TrustError> {
        Self::pinned(read(file)?.signed())
    }

    /// Reads the file of the next version; see [`TrustRoot::successor`].
    ///
    /// # Errors
    /// The file is no envelope, or this root does not vouch for it.
    pub fn update(&self, file: &[u8]) -> Result<Self, TrustError> {
        self.successor(read(file)?.signed())
    }
}

impl Envelope {
    /// Reads the draft of a trust root, which may have no signature yet; it means nothing until
    /// [`TrustRoot::update`] accepts it.
    ///
    /// # Errors
    /// The file is no envelope.
    #[cfg(feature = "build")]
    pub fn parse_draft(file: &[u8]) -> Result<Self, EnvelopeError> {
        Self::parse_any(file, limits::TRUST_ROOT_MAX)
    }
}

fn read(file: &[u8]) -> Result<Envelope, TrustError> {
    Envelope::parse_capped(file, limits::TRUST_ROOT_MAX).map_err(TrustError::from)
}

impl From<EnvelopeError> for TrustError {
    fn from(error: EnvelopeError) -> Self {
        Self::Envelope(error.to_string())
    }
}
