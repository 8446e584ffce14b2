//! Unified kernel images: one program for UEFI firmware that holds kernel, initrd, command line and
//! the name of the system, so that one digest and one signature cover all of them.
//!
//! [`assemble`] appends sections to the distribution's stub and changes nothing else of it; the
//! format is written down in `docs/formats/uki.md`. [`loader_files`] and [`uki_path`] say what
//! belongs on an EFI system partition, and where.
//!
//! | file | what |
//! |---|---|
//! | `stub` | the distribution's stub, and which version it is |
//! | `kernel` | a kernel image, and the release that it names |
//! | `sbat` | generations for revocation, merged |
//! | `write` | headers and sections as bytes |
//! | `assemble` | what goes into an image, in which order |
//! | `inside` | what of an image is not as signed |
//! | `loader` | systemd-boot's files |
//! | `error` | why no image can be made |
//!
//! Sources: UAPI Group, Unified Kernel Image; systemd-stub(7); shim, SBAT.md.

mod assemble;
mod error;
mod inside;
mod kernel;
mod loader;
mod sbat;
mod stub;
mod write;

pub(in crate::image) use assemble::is_command_line;
pub use assemble::{Parts, Uki, assemble, bytes_of};
pub use error::UkiError;
pub use inside::inside;
pub use kernel::release;
pub use loader::{EspFile, LOADER_CONF, loader_files, uki_path};
pub use stub::{Stub, StubVersion};
pub use write::checksum;
pub(in crate::image) use write::set_checksum;
