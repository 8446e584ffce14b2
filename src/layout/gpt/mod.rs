//! GUID partition tables (UEFI 2.10, section 5), read as hostile bytes, and written.
//!
//! A disk has two copies of its table, and what one program takes from the first another takes from
//! the second. So both must be there, whole and the same, and nothing in them may have two meanings:
//! no overlaps, no name twice, no bytes without a meaning. Sectors have 512 bytes. What lies in no
//! partition is listed by [`Disk::gaps`]. What karat writes: `docs/formats/disk.md`.
//!
//! | file | what |
//! |---|---|
//! | `read` | [`Disk::read`]: both copies, each rule |
//! | `write` | [`Disk::head`] and [`Disk::tail`]: the bytes of both copies |
//! | `grow` | [`Disk::grown`]: the tables of a disk that became larger; [`Disk::cut_off`]: half of them written |
//! | `value`, `kind` | [`Disk`] and its partitions, and what partitions are for |
//! | `crc`, `error` | checksums of headers; why a disk has no table |

mod crc;
mod error;
mod grow;
mod kind;
mod read;
mod value;
mod write;

pub use error::{Copy, GptError};
pub use grow::GrowError;
pub use kind::{Attributes, Kind, Machine};
pub use value::{Disk, Partition};

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Entries of a table: what every tool writes, and the least that UEFI reserves.
pub const ENTRIES: usize = 128;
/// Bytes of an entry.
pub const ENTRY: usize = 128;
/// Sectors of a table.
pub const TABLE_SECTORS: u64 = 32;
/// Sectors at the start of a disk that belong to nobody: protective MBR, header, table.
pub const HEAD_SECTORS: u64 = 2 + TABLE_SECTORS;
/// Sectors at its end: table, header.
pub const TAIL_SECTORS: u64 = TABLE_SECTORS + 1;
/// Letters of a partition's name, in units of UTF-16.
pub const NAME_MAX: usize = 36;
