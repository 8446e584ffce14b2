//! Contents of files, wherever those lie.

use std::collections::BTreeMap;
use std::path::Path;

use super::DiffError;
use crate::disk;
use crate::layout::Source;
use crate::layout::erofs::ReadError;
use crate::path::ImagePath;
use crate::tree::{Content, MemoryBlobs};

/// Something that holds files: an image, the root of a disk.
pub(in crate::ops) trait Files {
    /// The contents of some files, found by their digests: one that is another by now is missing.
    fn contents(&self, wanted: &BTreeMap<ImagePath, Content>) -> Result<MemoryBlobs, DiffError>;

    /// The bytes of a file of at most `cap` of them, whatever they are; `None` where they cannot be had.
    fn file(&self, path: &ImagePath, cap: u64) -> Option<Vec<u8>>;
}

/// An EROFS image, of which no more than those files is read.
pub(in crate::ops) struct ErofsFiles<'a> {
    /// The image.
    pub(in crate::ops) bytes: &'a dyn Source,
    /// The file that it lies in.
    pub(in crate::ops) path: &'a Path,
}

impl Files for ErofsFiles<'_> {
    fn contents(&self, wanted: &BTreeMap<ImagePath, Content>) -> Result<MemoryBlobs, DiffError> {
        let mut kept = MemoryBlobs::new();
        for (path, content) in wanted {
            keep(self.bytes, (path, content), &mut kept).map_err(|error| DiffError::Erofs {
                path: self.path.to_owned(),
                source: error.into(),
            })?;
        }
        Ok(kept)
    }

    fn file(&self, path: &ImagePath, cap: u64) -> Option<Vec<u8>> {
        disk::file(self.bytes, path, cap).ok()?
    }
}

/// Keeps a file of an EROFS image, if it has that content.
pub(in crate::ops) fn keep(
    image: &dyn Source,
    (path, content): (&ImagePath, &Content),
    kept: &mut MemoryBlobs,
) -> Result<(), ReadError> {
    let bytes = disk::file(image, path, content.size)?;
    if let Some(bytes) = bytes.filter(|bytes| Content::of(bytes) == *content) {
        kept.add(bytes);
    }
    Ok(())
}
