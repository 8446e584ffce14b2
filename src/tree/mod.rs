//! The file tree as a value: path → inode, contents by digest.
//!
//! A [`Tree`] knows no host: ownership, modes, device numbers and extended attributes live in it,
//! so an image is written without root, loop devices or mounts. It is `Open` while steps add to
//! it; [`Tree::seal`] checks every rule once and gives a `Sealed` tree, the only kind that the
//! manifest and the image writers accept.

mod blobs;
mod epoch;
mod inode;
mod locate;
mod value;

pub use blobs::{Blobs, Layered, MemoryBlobs};
pub use epoch::{Epoch, EpochError};
pub use inode::{Content, Device, Inode, Kind, Mode, ModeError, Origin, OriginError, Stat, Xattrs};
pub use value::{Entry, InodeId, Open, Sealed, Tree, TreeError};
