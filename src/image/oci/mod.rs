//! OCI image layouts (image-spec v1.1): an image as a directory of JSON and blobs.
//!
//! What karat writes is described byte by byte in `docs/formats/oci.md`:
//! - [`layer`] and [`difference_layer`] write the two layers: what packages brought, and what
//!   configuration changed in it, so that the first one stays the same file when only the
//!   configuration changes;
//! - [`layout`] gives all JSON documents; [`attach`] those that add a signed envelope.
//!
//! The caller puts blobs at their [`blob_path`]: nothing here touches a file. [`Image`] reads
//! layouts of anybody and trusts nothing in them.

mod attach;
mod config;
mod diff;
mod document;
mod error;
mod reader;
mod writer;

pub use attach::{Attached, attach, attachments};
pub use config::{Config, Description, architecture};
pub use diff::Difference;
pub use document::{Descriptor, Index, Manifest, Platform};
pub use error::OciError;
pub use reader::{Files, Image};
pub use writer::{Document, Layer, Layout, difference_layer, layer, layout, reference};

use crate::digest::Digest;

/// Where a layout keeps a blob, relative to its directory: `blobs/sha256/…`.
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{digest}")
}
