//! Why files make no FAT32 file system.

use crate::image::pieces::NoRoom;
use crate::layout::SourceError;
use crate::limits;
use crate::path::Escaped;

/// What a FAT cannot hold, or not as karat writes it.
#[derive(Debug, thiserror::Error)]
pub enum FatWriteError {
    /// A size that no such file system has.
    #[error("FAT32: {0} bytes are too few or too many, or no multiple of 4096: 33 MiB to 8 GiB")]
    Size(u64),
    /// A label that is none.
    #[error("FAT32: \"{}\" is no label: 1 to 11 of A-Z 0-9 - _", Escaped(.0.as_bytes()))]
    Label(String),
    /// A name that readers understand differently, or not at all.
    #[error("FAT32: \"{}\" cannot be a path: names of ASCII, without any of \"*/:<>?\\|, at most {} deep", Escaped(.0.as_bytes()), limits::FAT_DEPTH_MAX)]
    Path(String),
    /// Two names that are the same to firmware.
    #[error("FAT32: {} and another path differ by case alone, or one is a file above the other", Escaped(.0.as_bytes()))]
    Twice(String),
    /// A file that is too large.
    #[error("FAT32: {} has {size} bytes; files end at 4 GiB", Escaped(path.as_bytes()))]
    Large {
        /// Which.
        path: String,
        /// How many bytes it has.
        size: u64,
    },
    /// Too many files, or directories too large to be read again.
    #[error("FAT32: there are too many files")]
    Many,
    /// Less room than the files take.
    #[error(
        "FAT32: the files need {needed} bytes, there is room for {room}. Make the EFI system partition larger"
    )]
    Full {
        /// What all files and directories take, in whole clusters.
        needed: u64,
        /// What there is.
        room: u64,
    },
    /// It is not what karat would have written.
    #[error("FAT32: byte {0} is not what its files make it")]
    Differs(u64),
    /// Two pieces at one place.
    #[error("FAT32: {0}")]
    NoRoom(#[from] NoRoom),
    /// It cannot be read.
    #[error("FAT32: {0}")]
    Source(#[from] SourceError),
}
