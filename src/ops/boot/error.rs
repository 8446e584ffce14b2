//! Why a machine is not started.

use std::io;

use crate::image::disk::DiskError;
use crate::ops::disk::ConvertError;
use crate::sys::fs::IoError;

/// Why an image does not become a machine.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// An archive: no firmware boots one.
    #[error("{0}: an archive or a directory, and no disk: no firmware boots it")]
    Archive(String),
    /// The disk cannot be unpacked.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The disk, or its container.
    #[error("{path}: {source}")]
    Disk {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: DiskError,
    },
    /// No UEFI firmware.
    #[error(
        "no UEFI firmware for x86-64 machines is installed, or none in the directory that was named"
    )]
    Firmware,
    /// Somebody wanted it to end.
    #[error("interrupted; the machine was switched off")]
    Interrupted,
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// KVM was demanded and does not work.
    #[error(
        "KVM does not work here: a program of a few instructions did not run to its end in time"
    )]
    Kvm,
    /// A program is not installed.
    #[error("{0} is not installed: no such program in PATH")]
    Program(&'static str),
    /// A program cannot be started, or ended at once.
    #[error("{program}: {source}")]
    Start {
        /// Which program.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A name that a socket cannot have.
    #[error("the directory of temporary files has too long a name for a socket in it")]
    TooLong,
}
