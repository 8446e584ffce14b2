//! Looking at a directory tree without trusting it.
//!
//! - Every directory is opened from the root's descriptor with `openat2(2)`: no symbolic or magic
//!   link is followed, nothing outside of the root is reached, no mount is crossed.
//! - Only what its directory lists as a regular file or a directory is opened, without blocking, and
//!   examined through its descriptor before it is read. FIFOs, sockets and devices are examined,
//!   never opened.
//! - A file is hashed through the descriptor that was examined, and examined again afterwards; one
//!   that changed is read again, and reported as unstable if it does not come to rest.
//! - The walk has no recursion and holds few descriptors, whatever the depth.
//! - Small files are hashed many at a time, large ones a few at a time, the largest first.
//! - The table of mounts is part of the evidence; what lies beneath mounts is looked at through a
//!   private mount of the root's file system, where this process may make one.
//! - What could not be looked at is part of the evidence.

mod ahead;
mod content;
mod directory;
mod disk;
mod file;
mod inode;
mod mounts;
mod queue;
mod walk;

pub use walk::{Bounds, Scan, Wanted, scan, scan_while_opening};
