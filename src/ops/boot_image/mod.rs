//! `karat image`: what is in a unified kernel image, what it measures, and a signature for Secure Boot.

mod error;
mod inspect;
mod sign;

use std::path::Path;

pub use error::BootImageError;
pub use inspect::{Inspected, inspect};
pub use sign::{KeySource, sign};

use crate::image::measure::{self, Measurements};
use crate::limits;
use crate::sys::fs;

/// Predicts what a boot of the unified kernel image `uki` measures, started by the boot loader
/// `loader` or else by firmware itself.
///
/// # Errors
/// A file cannot be read, or is not what it should be.
pub fn measure(uki: &Path, loader: Option<&Path>) -> Result<Measurements, BootImageError> {
    let bytes = fs::read(uki, limits::PE_MAX)?;
    let loader = loader
        .map(|path| fs::read(path, limits::PE_MAX))
        .transpose()?;
    measure::predict(&bytes, loader.as_deref()).map_err(|error| BootImageError::Measure {
        path: uki.to_owned(),
        error,
    })
}
