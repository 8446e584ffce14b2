//! Stream-optimised VMDK ("Virtual Disk Format 5.0", `VMware`): what can be written to a pipe and
//! read by AWS and by `VMware`'s hosts.
//!
//! ```text
//! sector 0      header
//! sector 1      descriptor: text of 20 sectors
//! sector 128    grains: 64 KiB of the disk each, compressed with zlib (RFC 1950), behind a marker
//! …             behind 512 of them their grain table, behind all the grain directory
//! last three    footer marker, footer: the header with the directory's place; end of stream
//! ```

mod header;
mod reader;
mod writer;

pub(super) use header::MAGIC;
pub(super) use reader::Vmdk;
pub(super) use writer::write;

use super::{Container, DiskError};

fn broken(rule: &'static str) -> DiskError {
    DiskError::Broken {
        container: Container::Vmdk,
        rule,
    }
}
