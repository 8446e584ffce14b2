//! What can go wrong with a file that firmware starts.

use std::path::PathBuf;

use crate::image::measure::MeasureError;
use crate::image::secure_boot::SecureBootError;
use crate::layout::pe::PeError;
use crate::sys::fs::IoError;

/// Why nothing is said or signed.
#[derive(Debug, thiserror::Error)]
pub enum BootImageError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file is no program for firmware.
    #[error("{}: {error}", path.display())]
    Image {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: PeError,
    },
    /// Nothing can be predicted.
    #[error("{}: {error}", path.display())]
    Measure {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: MeasureError,
    },
    /// It cannot be signed.
    #[error("{}: {error}", path.display())]
    Sign {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: SecureBootError,
    },
    /// The program that signs did not.
    #[error("{0}")]
    Program(String),
}
