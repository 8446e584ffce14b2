//! Image formats: tar, OCI layouts, EROFS, hash trees, partition tables, FAT, initrds, unified kernel
//! images, disks in containers; compression, lists of files.
//!
//! Every writer here is a pure function of a [`Tree`](crate::tree::Tree), its contents and the
//! settings: the same input gives the same bytes on any machine, with any number of threads. The
//! formats are written down in `docs/formats/outputs.md`, `oci.md` and `uki.md`, what they measure in
//! `measure.md`.

pub mod compress;
pub mod cpio;
pub mod disk;
pub mod erofs;
pub mod fat;
pub mod further;
pub mod gpt;
pub mod initrd;
pub mod measure;
pub mod oci;
pub mod pieces;
pub mod secure_boot;
pub mod sums;
pub mod tar;
pub mod uki;
pub mod verity;
