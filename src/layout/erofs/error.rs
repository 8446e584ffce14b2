//! What can be wrong with an image.

use crate::layout::SourceError;

/// Why an image is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Bytes cannot be read, or lie outside of the image.
    #[error("{0}")]
    Source(#[from] SourceError),
}
