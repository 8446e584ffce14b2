//! The sections of an image, with what they hold.

use serde::Serialize;

use super::Digests;
use crate::layout::Source;
use crate::layout::pe::{Image, PeError};

/// A section and the digests of what it has in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MeasuredSection {
    /// Its name, as text.
    pub name: String,
    /// Bytes that it has in memory.
    pub size: u32,
    /// Their digests; `None` where they are not all in the file.
    pub digests: Option<Digests>,
}

/// All sections of an image, in the order of the file.
///
/// # Errors
/// They cannot be read.
pub fn sections<S: Source + ?Sized>(
    image: &Image,
    source: &S,
) -> Result<Vec<MeasuredSection>, PeError> {
    let measured = image.sections().iter().map(|section| {
        let whole = section.memory_size <= section.file_size;
        let digests = whole.then(|| Digests::section(section, source));
        Ok(MeasuredSection {
            name: section.name.to_string(),
            size: section.memory_size,
            digests: digests.transpose()?,
        })
    });
    measured.collect()
}
