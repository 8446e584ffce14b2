//! Bytes that belong to no file, no directory and no table: where something could hide.

use std::ops::Range;

use super::boot::SECTOR;
use super::{FatError, Volume};
use crate::layout::{Source, first_used};

/// Parts of the reserved sectors that mean nothing: the code of the boot sector, and what the free
/// space's sector reserves, each with its copy (sections 3 and 5).
const RESERVED: [Range<u64>; 7] = [
    90..510,
    SECTOR + 4..SECTOR + 484,
    SECTOR + 496..SECTOR + 508,
    2 * SECTOR..6 * SECTOR,
    6 * SECTOR + 90..6 * SECTOR + 510,
    7 * SECTOR + 4..7 * SECTOR + 484,
    7 * SECTOR + 496..7 * SECTOR + 508,
];

impl Volume {
    /// The offset of the first byte of `source`, which this was read from, that is not zero and
    /// belongs to nothing: in reserved sectors, in free clusters, behind the end of a file in its
    /// last cluster, or behind the file system.
    ///
    /// What a boot changes when it is counted belongs to something: names, times, how full it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn stray(&self, source: &dyn Source) -> Result<Option<u64>, FatError> {
        let mut free: Vec<Range<u64>> = RESERVED.into_iter().collect();
        free.push(8 * SECTOR..self.geometry.table);
        let tables = 0..self.geometry.data;
        let mut used: Vec<Range<u64>> = std::iter::once(tables).collect();
        for extent in &self.directory_extents {
            used.push(extent.start..extent.end());
        }
        for file in &self.files {
            let mut left = file.size;
            for extent in &file.extents {
                let bytes = extent.size.min(left);
                used.push(extent.start..extent.start.saturating_add(bytes));
                left = left.saturating_sub(bytes);
            }
        }
        crate::order::sort_by(&mut used, |one, other| one.start.cmp(&other.start));
        let mut at = 0;
        for range in used {
            if at < range.start {
                free.push(at..range.start);
            }
            at = at.max(range.end);
        }
        free.push(at..source.size());
        for range in free {
            if let Some(found) = first_used(source, range)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
