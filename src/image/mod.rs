//! Image formats: tar, OCI layouts, compression, checksum lists, unified kernel images.
//!
//! Every writer here is a pure function of a [`Tree`](crate::tree::Tree), its contents and the
//! settings: the same input gives the same bytes on any machine, with any number of threads. The
//! formats are written down in `docs/formats/outputs.md`, `oci.md` and `uki.md`, what they measure in
//! `measure.md`.

pub mod compress;
pub mod measure;
pub mod oci;
pub mod secure_boot;
pub mod sums;
pub mod tar;
pub mod uki;
