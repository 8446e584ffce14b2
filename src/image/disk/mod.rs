//! Disks in the containers that clouds and hypervisors take. `docs/formats/containers.md` has the
//! forms.
//!
//! | folder | container | for whom |
//! |---|---|---|
//! | `raw` | the disk as it is; runs of zeros are holes of the file | anybody |
//! | `qcow2` | version 3, plain or zstd | QEMU, `OpenStack` |
//! | `vhd` | fixed, whole MiB | Azure, Hyper-V |
//! | `vmdk` | stream-optimised | AWS, `VMware` |
//! | `gcp` | tar.gz of `disk.raw`, whole GiB | Google |
//!
//! Writers read the disk once, in order, hold a few MiB of it, and write the same bytes each time.
//! Readers take what other programs write, too, and nothing that needs a second file. They share:
//!
//! | file | what |
//! |---|---|
//! | `container` | the containers, by name |
//! | `pass` | one pass over a disk, in units |
//! | `field` | numbers in headers |
//! | `error` | what can be wrong with a container |
//! | `sysupdate` | an image in pieces, as systemd-sysupdate(8) fetches them |

mod container;
mod error;
mod field;
mod gcp;
mod pass;
mod qcow2;
mod raw;
mod sysupdate;
mod vhd;
mod vmdk;

pub use container::{Container, ContainerError, Opened};
pub use error::DiskError;
pub use pass::{Identity, Job};
pub use raw::Sparse;
pub use sysupdate::{Address, Piece, Split, Transfer};
