//! A disk that karat's initrd boots: what it starts, and what it refuses.
//!
//! The judges are a kernel of Debian's, started directly by QEMU on a processor that it emulates, and
//! the programs that made the disk: mkfs.erofs, veritysetup, mkfs.vfat, mtools, sfdisk, mkfs.ext4. Each
//! test is named for what was done to the same small disk. What such a machine has other than a real
//! one: no firmware that measures the kernel, so that nobody protects the initrd itself.

mod attacks;
mod clean;
mod fixture;
mod floor;
mod grown;
mod kernel;
mod machine;

pub(super) use machine::Tpm;
