//! qcow2, QEMU's own container (docs/interop/qcow2.rst).
//!
//! Addresses of the disk are looked up in two steps, by clusters: an entry of the L1 table names an
//! L2 table, whose entries name clusters of the file. Nothing is stored of a cluster that is zero.

mod header;
mod reader;
mod writer;

pub(super) use header::MAGIC;
pub(super) use reader::Qcow2;
pub(super) use writer::write;

use super::{Container, DiskError};

/// Host offsets of an L1 or L2 entry.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Exactly one entry leads to this cluster.
const COPIED: u64 = 1 << 63;
/// A cluster is compressed.
const COMPRESSED: u64 = 1 << 62;
/// A cluster reads as zeros, whatever it holds.
const ZERO: u64 = 1;

fn broken(rule: &'static str) -> DiskError {
    DiskError::Broken {
        container: Container::Qcow2,
        rule,
    }
}
