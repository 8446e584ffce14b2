//! A disk's partitions.

use std::ops::Range;

use super::{Attributes, HEAD_SECTORS, Kind, SECTOR, TAIL_SECTORS};
use crate::layout::{Part, Source, SourceError, Uuid};

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its place in the table, from 1: what Linux numbers it by.
    pub number: usize,
    /// What it is for.
    pub kind: Kind,
    /// Its own name.
    pub id: Uuid,
    /// Its first byte on the disk.
    pub start: u64,
    /// Its size in bytes.
    pub size: u64,
    /// How it is to be treated.
    pub attributes: Attributes,
    /// Its label: anything, up to 36 letters.
    pub name: String,
}

/// A disk whose two tables were read and are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its name.
    pub id: Uuid,
    /// Its partitions, in the order of the table.
    pub partitions: Vec<Partition>,
    /// How many bytes it has.
    pub size: u64,
    /// How many of them the tables know: fewer where an image was written onto a larger disk.
    pub known: u64,
    /// Where the first partition may start at the earliest, as the tables say.
    pub first: u64,
}

impl Partition {
    /// Where it ends.
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }

    /// Its bytes.
    ///
    /// # Errors
    /// The disk is another one, and ends before that.
    pub fn of<'a, S: Source + ?Sized>(&self, disk: &'a S) -> Result<Part<'a, S>, SourceError> {
        Part::new(disk, self.start, self.size)
    }
}

impl Disk {
    /// What lies in no partition and is no part of the tables, in order: before, between and behind
    /// the partitions, and behind the second copy of the table.
    ///
    /// Whoever vouches for a whole disk wants zeros there: [`crate::layout::first_used`].
    pub fn gaps(&self) -> Vec<Range<u64>> {
        let mut used: Vec<(u64, u64)> = self
            .partitions
            .iter()
            .map(|partition| (partition.start, partition.end()))
            .collect();
        let tail = TAIL_SECTORS.saturating_mul(SECTOR);
        used.push((self.known.saturating_sub(tail), self.known));
        used.push((self.size, self.size));
        used.sort_unstable();
        let mut gaps = Vec::new();
        let mut at = HEAD_SECTORS.saturating_mul(SECTOR);
        for (start, end) in used {
            if at < start {
                gaps.push(at..start);
            }
            at = at.max(end);
        }
        gaps
    }
}
