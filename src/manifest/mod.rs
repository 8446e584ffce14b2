//! The manifest: every path of a tree as canonical mtree(5) text.
//!
//! ```text
//! . type=dir mode=0755 uid=0 gid=0 tags=package:base-files
//! ./usr/bin/ping type=file mode=0755 uid=0 gid=0 nlink=1 size=4 sha256=… tags=xattr:security.capability:AQ==,package:iputils-ping
//! ```
//!
//! One line per path, in bytewise order of the paths themselves, no `/set`, no times, no comments.
//! `mtree` (NetBSD) and `bsdtar` (libarchive) read it without karat. One tree has exactly one
//! spelling: [`Manifest::parse`] refuses every other. The format, byte by byte:
//! `docs/formats/manifest.md`.

mod encode;
mod entry;
mod index;
mod line;
mod parse;
mod parts;
#[cfg(test)]
mod tests;
mod value;

pub use entry::Entry;
pub use parse::{ManifestError, Rule};
pub use parts::Parts;
pub use value::{Manifest, RESERVED, RESERVED_DIRECTORY, is_reserved};
