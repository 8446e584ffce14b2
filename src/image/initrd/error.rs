//! Why there is no initrd.

use std::io;

use super::Cause;
use crate::image::cpio::CpioError;
use crate::limits;
use crate::path::{Escaped, ImagePath};

/// Why an initrd cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InitrdError {
    /// The archive cannot be written.
    #[error(transparent)]
    Cpio(#[from] CpioError),
    /// Modules that wait for each other in a long row.
    #[error("module {0}: more than {max} modules wait for each other", max = limits::MODULE_DEPTH_MAX)]
    Depth(String),
    /// A list of depmod(8)'s that says something else than its format.
    #[error("{path}, line {line}: {rule}")]
    Index {
        /// Which file.
        path: ImagePath,
        /// Which line, from 1.
        line: usize,
        /// What the line should be.
        rule: &'static str,
    },
    /// The image has no kernel.
    #[error(
        "the image has no kernel: no directory below /usr/lib/modules has a modules.dep (package linux-image-amd64 or linux-image-cloud-amd64, and kmod, which makes that file)"
    )]
    NoKernel,
    /// The image has several kernels.
    #[error(
        "the image has more than one kernel, and it is not clear which to boot: {}; leave one of them, or name one",
        .0.join(", ")
    )]
    Kernels(Vec<String>),
    /// A file that must be there is not.
    #[error("{0}: the image has no such file")]
    Missing(ImagePath),
    /// A file that is no kernel module.
    #[error("{0}: not a kernel module: it is no ELF file")]
    NotModule(ImagePath),
    /// A file whose bytes cannot be had.
    #[error("{path}: cannot read it: {source}")]
    Read {
        /// Which file.
        path: ImagePath,
        /// What the source, or the decompressor, answered.
        source: io::Error,
    },
    /// A kernel that cannot boot such an image.
    #[error(
        "kernel {kernel} has no {module}, neither as a module nor built in: it is needed for {cause}; choose another kernel package"
    )]
    Required {
        /// Which kernel.
        kernel: String,
        /// Which module it lacks.
        module: &'static str,
        /// What that is needed for.
        cause: Cause,
    },
    /// A file larger than such a file may be.
    #[error("{path}: larger than {max} bytes")]
    Size {
        /// Which file.
        path: ImagePath,
        /// How large it may be.
        max: u64,
    },
    /// A name below `/usr/lib/modules` that is no kernel's version.
    #[error("a kernel's version is text of A-Z a-z 0-9 . + - _ ~, not '{}'", Escaped(.0))]
    Version(Vec<u8>),
}
