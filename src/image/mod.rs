//! Image formats: tar, OCI layouts, compression, lists of files.
//!
//! Every writer here is a pure function of a [`Tree`](crate::tree::Tree), its contents and the
//! settings: the same input gives the same bytes on any machine, with any number of threads. The
//! formats are written down in `docs/formats/outputs.md` and `docs/formats/oci.md`.

pub mod compress;
pub mod further;
pub mod oci;
pub mod sums;
pub mod tar;
