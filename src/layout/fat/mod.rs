//! FAT32 file systems, as an EFI system partition is one: read whole, and as hostile bytes.
//!
//! Firmware, boot loader and kernel each read a FAT with a reader of their own. So nothing is taken
//! that two of them could read differently: both copies of the table are the same, each cluster
//! belongs to one file or to none, names are ASCII and differ by more than case, and every byte that
//! a directory holds has a meaning. [`Volume::read`] lists every file, so that a verifier can refuse
//! those that it does not expect. Nothing is ever mounted. What karat writes: `docs/formats/disk.md`.
//!
//! A machine whose power failed while it wrote may leave a volume that is refused by this. [`Lookup`] reads
//! single files of it, as firmware and kernel do, for whoever judges their bytes by a signature.
//!
//! Hints that only say how full it is, and marks that it was not unmounted, are not looked at: they
//! change when firmware counts a boot.

mod boot;
mod directory;
mod error;
mod file;
mod lookup;
mod name;
mod stray;
mod table;
mod volume;

pub use error::FatError;
pub use file::{Content, File};
pub use lookup::Lookup;
pub use volume::Volume;

#[cfg(feature = "build")]
pub(crate) use name::{is_long, is_short, is_short_letter, short_sum};
