//! The roots on a disk in a file, for contents of files whose digests are known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::convert::unpack;
use super::{ConvertError, stem};
use crate::image::disk::{Container, DiskError};
use crate::layout::Source;
use crate::layout::gpt::{Disk, Kind};
use crate::ops::diff::DiffError;
use crate::ops::diff::files::{self, Files};
use crate::path::ImagePath;
use crate::progress::Silent;
use crate::sys::fs::{FileSource, Scratch};
use crate::tree::{Content, MemoryBlobs};

/// A disk in a file. Nothing of it is trusted: a root gives the bytes that somebody knows the digest of, or
/// nothing.
pub(in crate::ops) struct DiskFile(PathBuf);

impl DiskFile {
    /// The disk at `path`; `None` where its name says none.
    pub(in crate::ops) fn named(path: &Path) -> Option<Self> {
        (stem(path) != path).then(|| Self(path.to_owned()))
    }

    /// Gives each root of it to `each`.
    fn roots(&self, each: &mut dyn FnMut(&dyn Source)) -> Result<(), DiffError> {
        let of_disk = |source| DiffError::Disk {
            path: self.0.clone(),
            source,
        };
        let file = FileSource::open(&self.0)?;
        let container = Container::detect(&file).map_err(of_disk)?;
        if container != Container::Gcp {
            let opened = container.open(&file).map_err(of_disk)?;
            return self.of(opened.disk(), each);
        }
        let room = Scratch::new("disk")?;
        let unpacked = unpack(&file, &self.0, &room.path().join("disk.raw"), &Silent);
        let (_held, disk) = unpacked.map_err(|error| match error {
            ConvertError::Io(error) => DiffError::Io(error),
            ConvertError::Disk { source, .. } => of_disk(source),
        })?;
        self.of(&disk, each)
    }

    fn of(&self, disk: &dyn Source, each: &mut dyn FnMut(&dyn Source)) -> Result<(), DiffError> {
        let table = Disk::read(disk).map_err(|source| DiffError::Table {
            path: self.0.clone(),
            source,
        })?;
        for partition in table.partitions {
            if matches!(partition.kind, Kind::Root(_)) {
                let root = partition.of(disk).map_err(|source| DiffError::Disk {
                    path: self.0.clone(),
                    source: DiskError::Source(source),
                })?;
                each(&root);
            }
        }
        Ok(())
    }
}

impl Files for DiskFile {
    fn contents(&self, wanted: &BTreeMap<ImagePath, Content>) -> Result<MemoryBlobs, DiffError> {
        let mut kept = MemoryBlobs::new();
        self.roots(&mut |root| {
            for file in wanted {
                // A slot may be empty, or hold another version: what is not there is missing.
                drop(files::keep(root, file, &mut kept));
            }
        })?;
        Ok(kept)
    }

    fn file(&self, path: &ImagePath, cap: u64) -> Option<Vec<u8>> {
        let mut found = None;
        let read = self.roots(&mut |root| {
            if found.is_none() {
                found = crate::disk::file(root, path, cap).ok().flatten();
            }
        });
        read.ok().and(found)
    }
}
