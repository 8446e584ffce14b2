//! Disks in files, without printing: what is delivered on them, and the containers that clouds take.

mod attach;
mod containers;
mod convert;
mod error;
mod roots;
mod verify;

pub use attach::{ATTACHED_SUMS, deliver};
pub use containers::Packed;
pub use convert::{Conversion, ConvertError, Known, convert, info, unpack};
pub use error::{DiskFileError, Rule};
pub(in crate::ops) use roots::DiskFile;
pub(in crate::ops) use verify::{stem, verify};
