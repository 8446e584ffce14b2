//! EROFS, the read-only file system of Linux (`fs/erofs`), read without mounting it.

mod error;
pub mod format;

pub use error::ReadError;
