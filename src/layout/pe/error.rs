//! Why bytes are no image that firmware is trusted with.

use super::SectionName;
use crate::layout::SourceError;

/// The rule that an image breaks.
#[derive(Debug, thiserror::Error)]
pub enum PeError {
    /// The bytes cannot be read, or something points behind their end.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A header.
    #[error("no PE32+ image of the one accepted shape: {0}")]
    Header(&'static str),
    /// One section.
    #[error("section {name}: {rule}")]
    Section {
        /// Which.
        name: SectionName,
        /// The rule.
        rule: &'static str,
    },
    /// The certificate table.
    #[error("certificate table: {0}")]
    Certificates(&'static str),
}
