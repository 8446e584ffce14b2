//! Why a disk has no table to rely on.

use std::fmt;

use crate::layout::SourceError;

/// Which of the two copies of header and table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// At the start of the disk.
    First,
    /// At its end.
    Second,
}

/// A rule that a partition table breaks.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// No room for two tables.
    #[error("partition table: {0} bytes are no disk with a GPT")]
    Small(u64),
    /// The protective MBR is more than that, or none.
    #[error("partition table: sector 0 is not just a protective MBR: {0}")]
    Mbr(&'static str),
    /// A header is damaged, or of a kind that nobody writes.
    #[error("partition table: the {copy} header {rule}")]
    Header {
        /// Which.
        copy: Copy,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// A table's checksum is wrong.
    #[error("partition table: the {0} table has another checksum than its header says")]
    TableCrc(Copy),
    /// Two copies, two meanings.
    #[error("partition table: the two copies differ in their {0}")]
    Copies(&'static str),
    /// An entry makes no sense.
    #[error("partition table: entry {number} {rule}")]
    Entry {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// Two partitions share sectors.
    #[error("partition table: entries {first} and {second} overlap")]
    Overlap {
        /// The one that starts first.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Two partitions share a UUID.
    #[error("partition table: entries {first} and {second} have the same UUID")]
    Twice {
        /// The first in the table.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Bytes could not be read.
    #[error("partition table: {0}")]
    Source(#[from] SourceError),
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}
