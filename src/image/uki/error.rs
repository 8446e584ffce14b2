//! Why no unified kernel image can be made.

use crate::layout::pe::PeError;

/// What stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// The command line.
    #[error("the kernel's command line: {0}")]
    CommandLine(&'static str),
    /// A part without a byte.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// The kernel is no program for firmware.
    #[error("the kernel: {0}")]
    Kernel(PeError),
    /// The boot loader is no program for firmware.
    #[error("the boot loader: {0}")]
    Loader(PeError),
    /// Kernel and stub are for different processors.
    #[error("the kernel and the stub are for different processors")]
    Machines,
    /// The kernel says nowhere which release it is.
    #[error("the kernel image names no release: give it (`uname -r` of the running system)")]
    NoRelease,
    /// The section table does not fit before the first section.
    #[error("the stub's headers have no room for {0} sections")]
    NoRoom(usize),
    /// Revocation lines.
    #[error("{place}: {rule}")]
    Sbat {
        /// Whose.
        place: &'static str,
        /// What is wrong with them.
        rule: &'static str,
    },
    /// A stub that is none, or no bare one.
    #[error("the stub: {0}")]
    Stub(&'static str),
    /// The stub is no program for firmware.
    #[error("the stub: {0}")]
    StubFormat(PeError),
    /// All together is larger than an image may be.
    #[error("the image would be larger than 1 GiB")]
    TooLarge,
    /// The release is not one word of printable characters.
    #[error("the kernel's release is not one word of at most 255 printable ASCII characters")]
    Release,
    /// What was made does not read as what it should be: a fault of karat.
    #[error("the image that was made: {0}")]
    Made(PeError),
}
