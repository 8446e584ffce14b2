//! The containers, by name.

use std::fmt;
use std::io::{self, Read, Seek, Write};
use std::num::NonZero;
use std::str::FromStr;

use super::pass::Job;
use super::qcow2::Qcow2;
use super::vmdk::Vmdk;
use super::{DiskError, gcp, qcow2, raw, vhd, vmdk};
use crate::layout::{Part, Source};
use crate::limits;

/// What a disk lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Container {
    /// A compressed tar archive of `disk.raw`, for Google.
    Gcp,
    /// QEMU's own.
    Qcow2,
    /// Nothing: the disk as it is.
    Raw,
    /// A fixed VHD, for Azure.
    Vhd,
    /// A stream-optimised VMDK, for AWS and `VMware`.
    Vmdk,
}

/// Text that names no container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a container is gcp, qcow2, raw, vhd or vmdk")]
pub struct ContainerError;

/// The disk in a file of some container.
pub struct Opened<'a>(Box<dyn Source + 'a>);

impl Container {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gcp, Self::Qcow2, Self::Raw, Self::Vhd, Self::Vmdk];

    /// Tells what a file is by its magic numbers; a disk that nothing else is known of is raw.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn detect(file: &dyn Source) -> Result<Self, DiskError> {
        let mut start = [0; 4];
        if file.size() >= 4 {
            file.read_at(0, &mut start)?;
        }
        if &start == qcow2::MAGIC {
            return Ok(Self::Qcow2);
        }
        if &start == vmdk::MAGIC {
            return Ok(Self::Vmdk);
        }
        if start.starts_with(&[0x1f, 0x8b]) {
            return Ok(Self::Gcp);
        }
        if let Some(at) = file.size().checked_sub(vhd::FOOTER_BYTES) {
            let mut end = [0; vhd::FOOTER];
            file.read_at(at, &mut end)?;
            if vhd::is_footer(&end) {
                return Ok(Self::Vhd);
            }
        }
        Ok(Self::Raw)
    }

    /// The disk in a file of this container. That of `gcp` must be unpacked first:
    /// [`Container::unpack`].
    ///
    /// # Errors
    /// The file breaks a rule of its format, needs a second file, or is one of `gcp`.
    pub fn open(self, file: &dyn Source) -> Result<Opened<'_>, DiskError> {
        let size = file.size();
        if size > limits::DISK_MAX {
            return Err(DiskError::Size {
                container: self,
                size,
                max: limits::DISK_MAX,
            });
        }
        Ok(match self {
            Self::Gcp => {
                return Err(DiskError::Broken {
                    container: self,
                    rule: "its disk is compressed as a whole, and must be unpacked first: karat image convert --to raw",
                });
            }
            Self::Qcow2 => Opened(Box::new(Qcow2::open(file)?)),
            Self::Raw => Opened(Box::new(Part::new(file, 0, size)?)),
            Self::Vhd => Opened(Box::new(vhd::open(file)?)),
            Self::Vmdk => Opened(Box::new(Vmdk::open(file)?)),
        })
    }

    /// Unpacks the disk of a `gcp` file, gives it piece by piece to `take`, and gives its size.
    ///
    /// # Errors
    /// The archive breaks a rule of its format, or `take` fails.
    pub fn unpack(
        archive: impl Read + Send,
        take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, DiskError> {
        gcp::unpack(archive, take)
    }

    /// Writes a disk into an empty file: the same bytes for the same disk and identity, on any
    /// number of threads. `compress` is for qcow2; the others are compressed always, or never.
    ///
    /// # Errors
    /// The disk cannot be read or does not fit, or the output takes no bytes.
    pub fn write<W: Write + Seek>(
        self,
        job: &Job<'_>,
        compress: bool,
        threads: NonZero<usize>,
        out: &mut W,
    ) -> Result<(), DiskError> {
        match self {
            Self::Gcp => gcp::write(job, threads, out),
            Self::Qcow2 => qcow2::write(job, compress, out),
            Self::Raw => raw::write(job, None, out),
            Self::Vhd => vhd::write(job, out),
            Self::Vmdk => vmdk::write(job, out),
        }
    }

    /// What a file name gets at its end. `.tar.gz` alone is that of an image's files.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Gcp => ".gcp.tar.gz",
            Self::Qcow2 => ".qcow2",
            Self::Raw => ".raw",
            Self::Vhd => ".vhd",
            Self::Vmdk => ".vmdk",
        }
    }

    /// Its name, as in `--to`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gcp => "gcp",
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
            Self::Vhd => "vhd",
            Self::Vmdk => "vmdk",
        }
    }
}

impl Opened<'_> {
    /// The disk.
    pub fn disk(&self) -> &dyn Source {
        self.0.as_ref()
    }
}

impl fmt::Debug for Opened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({} bytes)", self.0.size())
    }
}

impl FromStr for Container {
    type Err = ContainerError;

    fn from_str(text: &str) -> Result<Self, ContainerError> {
        let found = Self::ALL.into_iter().find(|each| each.name() == text);
        found.ok_or(ContainerError)
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
