//! cpio archives in the one form that Linux unpacks as an initial RAM file system: `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst), written the same way each time.
//!
//! An entry is a header of 110 ASCII characters, the name, and the bytes; name and bytes are
//! padded with NUL to a multiple of four. All numbers have eight hexadecimal digits:
//! ```text
//! 070701  magic
//! ino     1, 2, 3 … in the order of the archive; 0 for the trailer
//! mode    type and permissions, as st_mode
//! uid     0
//! gid     0
//! nlink   2 for directories, else 1: there are no hard links
//! mtime   0
//! filesize, devmajor 0, devminor 0, rdevmajor, rdevminor
//! namesize  with the NUL that ends the name
//! check   0
//! ```
//! The entry `TRAILER!!!` ends it; NUL up to a multiple of 512 follows, so that another archive may
//! be put behind it.
//!
//! [`read`] takes the archives of others, too, as hostile bytes: other numbers in the header mean nothing to it.

mod error;
mod reader;
mod writer;

pub use error::CpioError;
pub use reader::{CpioReadError, Packed, read};
pub use writer::Writer;
