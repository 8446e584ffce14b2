//! Readers of what lies on disks.
//!
//! Nothing here opens a file or a device: a [`Source`] gives bytes at an offset, and everything
//! that comes out of it is hostile until it was checked. The writers of the same formats are in
//! `image`, below the wall; of what instances write, which is partition tables alone, the bytes are
//! made here.

pub mod erofs;
mod ext4;
pub mod fat;
mod fields;
pub mod fsverity;
pub mod gpt;
pub mod pe;
mod source;
mod uuid;
pub mod verity;
mod zeros;

pub use ext4::Ext4;
pub use source::{Part, Source, SourceError};
pub use uuid::Uuid;
pub use zeros::first_used;
