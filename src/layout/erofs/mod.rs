//! EROFS, the read-only file system of Linux (`fs/erofs`), read without mounting it.
//!
//! An [`Image`] is what its superblock says; a [`Reader`] reads inodes, attributes, directories and
//! contents out of it; a [`Walk`] goes through all paths in the manifest's order. What verifies an
//! image must see in it what Linux sees: a form that is not wholly understood is refused, and so
//! is whatever Linux would look up in another way than it lists it.

mod content;
mod directory;
mod each;
mod error;
mod field;
pub mod format;
mod image;
mod index;
mod inode;
mod lz4;
mod superblock;
mod walk;
mod xattr;

pub use content::Take;
pub use directory::Dirent;
pub use error::ReadError;
pub use image::{Image, Reader};
pub use inode::{Inode, Kind};
pub use superblock::Superblock;
pub use walk::{Entry, Walk};
