//! What the first process of an initrd does to the machine.
//!
//! | file | what |
//! |---|---|
//! | `kernel` | the kernel's own file systems, modules, and what the kernel says of this boot |
//! | `device` | block devices as [`Source`](crate::layout::Source)s; which there are; waiting for more |
//! | `esp` | what was delivered, from the EFI system partition |
//! | `memory` | what the state partition is, and what it says |
//! | `grow` | the state partition takes what its disk has more |
//! | `mapper` | dm-verity, by the device mapper's ioctls |
//! | `tpm` | the registers of a TPM |
//! | `root` | mounting the root, and going over to it |
//! | `place` | where the running system may write |
//! | `end` | switching off, starting again, stopping |
//! | `steps` | how long it took |
//!
//! What is found is judged by `boot`, which decides whether any of the later files is used.

mod device;
mod end;
mod esp;
mod grow;
mod kernel;
mod mapper;
mod memory;
mod place;
mod root;
mod steps;
mod tpm;

pub use device::{Device, Devices, Wait, superblock};
pub use end::{drained, end, is_first};
pub use esp::material;
pub use grow::{fill, grow};
pub use kernel::{Modules, cmdline, extras, mount_kernel, secure_boot};
pub use memory::memory;
pub use place::prepare;
pub use root::{NewRoot, hand_over, leave};
pub use steps::Steps;
pub use tpm::Tpm;
