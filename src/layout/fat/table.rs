//! The file allocation table: which cluster follows which.

use super::FatError;
use super::boot::Geometry;
use super::file::Extent;
use crate::layout::Source;
use crate::layout::fields::is_zero;

/// The table; what was followed once is marked, and is never followed again.
pub(super) struct Table {
    geometry: Geometry,
    /// What follows each cluster; the first two are no clusters.
    next: Vec<u32>,
}

/// The upper four bits of an entry belong to nobody (section 4.1).
pub(super) const MASK: u32 = 0x0fff_ffff;
/// This and what is above it ends a chain.
pub(super) const END: u32 = 0x0fff_fff8;
/// Of a chain that leads out of the file system.
pub(super) const NOT_THERE: &str = "it goes on in a cluster that is not there";
/// A cluster that was followed. No entry has this value under the mask.
const TAKEN: u32 = u32::MAX;
/// The two bits of the second entry that say whether it was unmounted, and without errors.
const STATE: u32 = 0x0c00_0000;
/// How much is read of each table at a time.
const CHUNK: usize = 32 << 10;

impl Table {
    pub(super) fn read(source: &dyn Source, geometry: Geometry) -> Result<Self, FatError> {
        let count = usize::try_from(geometry.clusters)
            .unwrap_or(0)
            .saturating_add(2);
        let mut next: Vec<u32> = Vec::with_capacity(count);
        let (mut one, mut other) = (vec![0; CHUNK], vec![0; CHUNK]);
        let mut at: u64 = 0;
        while at < geometry.table_size {
            let left = geometry.table_size.saturating_sub(at);
            let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let one = one.get_mut(..length).unwrap_or_default();
            let other = other.get_mut(..length).unwrap_or_default();
            let first = geometry.table.saturating_add(at);
            source.read_at(first, one)?;
            source.read_at(first.saturating_add(geometry.table_size), other)?;
            if one != other {
                return Err(FatError::Table("its two tables differ"));
            }
            let (entries, _) = one.as_chunks();
            let (entries, spare) = entries
                .split_at_checked(count.saturating_sub(next.len()))
                .unwrap_or((entries, &[]));
            next.extend(
                entries
                    .iter()
                    .map(|entry| u32::from_le_bytes(*entry) & MASK),
            );
            if !is_zero(spare.as_flattened()) {
                return Err(FatError::Table(
                    "its tables have entries behind the last cluster",
                ));
            }
            at = at.saturating_add(u64::try_from(length).unwrap_or(left));
        }
        let [media, state, ..] = next.as_mut_slice() else {
            return Err(FatError::Table("its tables are empty"));
        };
        if *media != END || *state | STATE < END {
            return Err(FatError::Table("its tables do not begin as they must"));
        }
        (*media, *state) = (TAKEN, TAKEN);
        Ok(Self { geometry, next })
    }

    /// The clusters of the chain that starts with `first`, as pieces of the source, and their bytes.
    pub(super) fn chain(&mut self, path: &str, first: u32) -> Result<(Vec<Extent>, u64), FatError> {
        let cluster_size = self.geometry.cluster;
        let mut extents: Vec<Extent> = Vec::new();
        let mut size: u64 = 0;
        let mut at = first;
        loop {
            let entry = usize::try_from(at).ok();
            let Some(entry) = entry.and_then(|entry| self.next.get_mut(entry)) else {
                return Err(FatError::entry(path, NOT_THERE));
            };
            let rule = match *entry {
                TAKEN => Some("it runs in a circle, or shares a cluster with another file"),
                entry => no_cluster(entry),
            };
            if let Some(rule) = rule {
                return Err(FatError::entry(path, rule));
            }
            let following = std::mem::replace(entry, TAKEN);
            let place = u64::from(at.saturating_sub(2)).saturating_mul(cluster_size);
            let start = self.geometry.data.saturating_add(place);
            match extents.last_mut().filter(|last| last.end() == start) {
                Some(last) => last.size = last.size.saturating_add(cluster_size),
                None => extents.push(Extent {
                    start,
                    size: cluster_size,
                }),
            }
            size = size.saturating_add(cluster_size);
            if following >= END {
                return Ok((extents, size));
            }
            at = following;
        }
    }

    /// How many clusters are free, where all that were not followed are.
    pub(super) fn finish(&self) -> Result<u32, FatError> {
        let mut free: u32 = 0;
        for (at, entry) in self.next.iter().enumerate() {
            match *entry {
                TAKEN => {}
                0 => free = free.saturating_add(1),
                _ => return Err(FatError::Lost(u32::try_from(at).unwrap_or(u32::MAX))),
            }
        }
        Ok(free)
    }
}

/// Why a cluster with this entry is none of a chain's; `None` where it is one.
pub(super) fn no_cluster(entry: u32) -> Option<&'static str> {
    match entry {
        0 => Some("it goes on in a cluster that is free"),
        1 | 0x0fff_fff0..END => Some("it goes on in a cluster that is bad or reserved"),
        _ => None,
    }
}
