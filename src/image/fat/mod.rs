//! FAT32 file systems, as a function of what they shall hold.
//!
//! The same files, number, label, instant and size give the same bytes, whoever put the files there
//! and when: adding one ([`with_files`]) gives what would have been written with it from the
//! beginning. So a whole EFI system partition can be compared with what it should be ([`compare`]), and
//! nothing can hide between its files. Reading is [`crate::layout::fat`]'s; the layout is in
//! `docs/formats/disk.md`.

mod change;
mod directory;
mod error;
mod geometry;
mod image;
mod names;
mod sectors;

pub use change::{compare, with_files};
pub use error::FatWriteError;
pub use image::{Settings, image};
