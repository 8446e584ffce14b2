//! Why a disk was not made.

use crate::boot;
use crate::image::erofs::ErofsError;
use crate::image::fat::FatWriteError;
use crate::image::gpt::{DiskError, PlanError};
use crate::image::initrd::InitrdError;
use crate::image::measure::MeasureError;
use crate::image::uki::UkiError;
use crate::image::verity::VerityWriteError;
use crate::layout::SourceError;
use crate::layout::verity::BlocksError;
use crate::path::{ImagePath, PathError};
use crate::tree::TreeError;

/// Why a disk was not made.
#[derive(Debug, thiserror::Error)]
pub enum DiskImageError {
    /// The image installs no agent, which would be what the kernel runs first.
    #[error("a disk boots by karat-agent, and the template installs none ([verify] agent)")]
    NoAgent,
    /// Nobody says whose signatures the initrd shall accept.
    #[error("a disk holds a trust root, and there is none: build in a workspace (karat init)")]
    NoTrust,
    /// No boot loader is there for the architecture.
    #[error("no disk is made for {0}: UEFI programs of Debian are there for amd64 and arm64")]
    Architecture(String),
    /// A file that a disk is made of is not in the image.
    #[error(
        "the image has no {0}: state a kernel, [kernel] flavour = \"cloud\" or \"generic\", \
         or name systemd-boot-efi among its packages"
    )]
    Missing(ImagePath),
    /// The template wants updates, and nothing in the image fetches them.
    #[error(
        "[disk] updates needs systemd-sysupdate, and the image has none: Debian has it from 13 on, in \
         systemd-container, which comes with [kernel] flavour"
    )]
    NoUpdater,
    /// The kernel's command line is no line of printable ASCII.
    #[error("the kernel's command line, /etc/kernel/cmdline, is not printable ASCII")]
    CommandLine,
    /// Nothing can be written where the template says.
    #[error(
        "[disk] writable: {0} is no directory of the image: make it one ([[files]]), or take the place \
         away with \"no\""
    )]
    Place(ImagePath),
    /// auditd would stop the machine as it starts.
    #[error(
        "auditd would stop the machine as it starts: {limit} in /etc/audit/auditd.conf is {left} MiB, and \
         /var/log/audit lies on {room} MiB; state [disk] state = \"{wanted}M\" or more, or a smaller limit"
    )]
    Records {
        /// MiB of the file system.
        room: u64,
        /// Which setting.
        limit: &'static str,
        /// MiB that it wants to be left.
        left: u64,
        /// MiB that would do.
        wanted: u64,
    },
    /// The tree does not take what a disk needs.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of the image cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// Which file.
        path: ImagePath,
        /// Why.
        error: std::io::Error,
    },
    /// The root's file system.
    #[error(transparent)]
    Erofs(#[from] ErofsError),
    /// The tree of hashes.
    #[error(transparent)]
    Verity(#[from] VerityWriteError),
    /// The initrd.
    #[error(transparent)]
    Initrd(#[from] InitrdError),
    /// What the initrd is told.
    #[error(transparent)]
    Plan(#[from] boot::PlanError),
    /// The unified kernel image.
    #[error(transparent)]
    Uki(#[from] UkiError),
    /// The predicted measurements.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The EFI system partition.
    #[error(transparent)]
    Esp(#[from] FatWriteError),
    /// The partitions.
    #[error(transparent)]
    Partitions(#[from] PlanError),
    /// What was written cannot be read again.
    #[error(transparent)]
    Table(#[from] crate::layout::gpt::GptError),
    /// What lies in them.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file of the image has no name that a path can be made of.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is room for no root, or for more than a tree can stand over.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// A part cannot be read again.
    #[error(transparent)]
    Source(#[from] SourceError),
}
