//! PE32+ images: what UEFI firmware starts, and what a unified kernel image is.
//!
//! [`Image::read`] takes a boot loader, a kernel or a unified kernel image from bytes that nobody
//! vouches for, and accepts one shape only: headers, then the sections' bytes one after the other
//! without gap or overlap, then what belongs to no section, then the certificate table, which ends
//! the file. Of such a file every reader has the same opinion: the digest that firmware computes
//! ([`Image::authenticode`]) covers each byte but the checksum and the signatures, and a section in
//! memory is what it is in the file.
//!
//! ```text
//! 0            "MZ" …                                 at 60: where "PE" stands
//! PE           "PE\0\0", COFF header (20 bytes), optional header (112 bytes, 8 for each directory)
//! …            section table: 40 bytes for each section
//! SizeOfHeaders  bytes of the first section, of the second, …
//! …            trailing bytes (a symbol table of old stubs)
//! CertTable    WIN_CERTIFICATE …                      until the end of the file
//! ```
//!
//! Sources: Microsoft, PE Format; Windows Authenticode Portable Executable Signature Format,
//! "Calculating the PE Image Hash"; UEFI 2.10 section 32.2.

mod certificates;
mod error;
mod field;
mod image;
mod section;

pub use certificates::Certificate;
pub use error::PeError;
pub use image::{Headers, Image, Machine, field_offset};
pub use section::{Section, SectionName};
