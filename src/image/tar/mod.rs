//! tar archives (POSIX.1-2001 pax format over ustar headers), in one canonical form.
//!
//! [`write()`] gives a tree exactly one spelling, written down in `docs/formats/outputs.md`.
//! [`read`] takes that and what GNU tar and libarchive write of ordinary trees; it refuses what
//! different programs would unpack differently.

mod acl;
mod block;
mod content;
mod error;
mod header;
mod pax;
mod reader;
mod tree;
mod writer;

pub(crate) use block::{BLOCK, Block};
pub use error::TarError;
pub use reader::{Member, MemberKind, Reader};
pub(super) use tree::{Assembly, Keep};
pub use tree::{keep_nothing, read};
pub(super) use writer::member_name;
pub use writer::{Writer, Written, write, write_compressed};
