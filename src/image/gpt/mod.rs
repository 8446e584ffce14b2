//! Disks with a GUID partition table, as values: planned, then read at any offset.
//!
//! ```text
//! Layout ─plan▶ Plan ─fill(contents)▶ Pieces: Source
//! ```
//! A [`Plan`] is where partitions lie and what their table says; [`fill`] adds what they hold, and
//! makes no copy of it. Containers of disks (raw, qcow2, …) read from that what they need. Every UUID is a
//! function of the root hash or of a digest. The layout: `docs/formats/disk.md`.

mod disk;
mod layout;
mod plan;

pub use disk::{DiskError, fill, with_partition};
pub use layout::{Layout, Slots};
pub use plan::{Plan, PlanError, Wanted};

/// Where partitions start and what their sizes are multiples of, and a disk's size: 1 MiB, as every
/// tool has it and Azure demands.
pub const ALIGNMENT: u64 = 1 << 20;
