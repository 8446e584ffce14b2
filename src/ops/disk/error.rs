//! What can go wrong with a finished disk.

use std::path::PathBuf;

use crate::image::disk::DiskError as ContainerError;
use crate::image::fat::FatWriteError;
use crate::image::gpt::DiskError;
use crate::image::sums::SumsError;
use crate::layout::SourceError;
use crate::layout::fat::FatError;
use crate::layout::gpt::GptError;
use crate::sys::fs::IoError;

/// Why a finished disk stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum DiskFileError {
    /// It cannot be read, or a new one cannot be written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// What lies on it is not what karat writes.
    #[error("{}: {rule}", path.display())]
    Content {
        /// Which disk.
        path: PathBuf,
        /// The rule that it breaks.
        rule: Rule,
    },
}

/// What a disk's content breaks.
#[derive(Debug, thiserror::Error)]
pub enum Rule {
    /// The container that it shall lie in.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The partition table.
    #[error(transparent)]
    Table(#[from] GptError),
    /// There is no EFI system partition, or more than one.
    #[error("a disk of karat's has one EFI system partition, this one has {0}")]
    Esp(usize),
    /// The file system of the EFI system partition.
    #[error(
        "{0}: build the disk or fetch it again; one of a machine's own is mended by 'fsck.fat -a'"
    )]
    Fat(#[from] FatError),
    /// There is no room for what shall be added.
    #[error(transparent)]
    Room(#[from] FatWriteError),
    /// The new content does not fit its place.
    #[error(transparent)]
    Place(#[from] DiskError),
    /// Something cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its name cannot stand in a list.
    #[error(transparent)]
    Sums(#[from] SumsError),
}

impl Rule {
    /// The error for the disk at `path`.
    pub(super) fn of(self, path: &std::path::Path) -> DiskFileError {
        DiskFileError::Content {
            path: path.to_owned(),
            rule: self,
        }
    }
}
