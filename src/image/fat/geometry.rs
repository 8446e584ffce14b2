//! Where everything lies: a function of the size alone.

use super::FatWriteError;

/// Sectors and clusters of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// All sectors.
    pub(super) sectors: u32,
    /// Sectors of a cluster.
    pub(super) per_cluster: u8,
    /// Sectors before the first table.
    pub(super) reserved: u16,
    /// Sectors of a table.
    pub(super) table: u32,
    /// Clusters; they are numbered from 2.
    pub(super) clusters: u32,
}

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
/// Up to this size a cluster is a sector (Microsoft's FAT specification 1.03, section 3.5).
const SMALL_MAX: u64 = 260 << 20;
/// Up to this one it has eight.
const LARGE_MAX: u64 = 8 << 30;
/// With fewer clusters, some readers take it for FAT16.
const CLUSTERS_MIN: u64 = 65_525;
/// What every tool reserves.
const RESERVED: u64 = 32;
/// Entries of a sector of a table.
const ENTRIES: u64 = SECTOR / 4;

impl Geometry {
    pub(super) fn of(size: u64) -> Result<Self, FatWriteError> {
        let wrong = || FatWriteError::Size(size);
        if size > LARGE_MAX || !size.is_multiple_of(4096) {
            return Err(wrong());
        }
        let per_cluster: u8 = if size <= SMALL_MAX { 1 } else { 8 };
        let step = u64::from(per_cluster);
        let sectors = size / SECTOR;
        // The smallest table that has room for the clusters which it leaves room for.
        let mut table = sectors.saturating_sub(RESERVED) / (ENTRIES * step + 2);
        let (reserved, clusters) = loop {
            // Clusters lie at multiples of their size.
            let head = RESERVED + 2 * table;
            let reserved = RESERVED + head.next_multiple_of(step).saturating_sub(head);
            let clusters = sectors.saturating_sub(reserved + 2 * table) / step;
            if table * ENTRIES >= clusters + 2 {
                break (reserved, clusters);
            }
            table += 1;
        };
        if clusters < CLUSTERS_MIN {
            return Err(wrong());
        }
        Ok(Self {
            sectors: u32::try_from(sectors).map_err(|_large| wrong())?,
            per_cluster,
            reserved: u16::try_from(reserved).map_err(|_large| wrong())?,
            table: u32::try_from(table).map_err(|_large| wrong())?,
            clusters: u32::try_from(clusters).map_err(|_large| wrong())?,
        })
    }

    /// Bytes of a cluster.
    pub(super) fn cluster(&self) -> u64 {
        u64::from(self.per_cluster) * SECTOR
    }

    /// The first byte of a table: 0 or 1.
    pub(super) fn table_start(&self, number: u64) -> u64 {
        (u64::from(self.reserved) + number * u64::from(self.table)) * SECTOR
    }

    /// The first byte of a cluster.
    pub(super) fn cluster_start(&self, cluster: u32) -> u64 {
        self.table_start(2) + u64::from(cluster.saturating_sub(2)) * self.cluster()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_just_the_room_that_they_need() {
        for mebibytes in [33, 34, 64, 100, 259, 260, 261, 300, 512, 1000, 4096, 8192] {
            let size = mebibytes << 20;
            let it = Geometry::of(size).unwrap();
            let entries = u64::from(it.table) * ENTRIES;
            let needed = u64::from(it.clusters) + 2;
            assert!(
                entries >= needed && entries < needed + 3 * ENTRIES,
                "{it:?}"
            );
            let end = it.cluster_start(it.clusters + 2);
            assert!(end <= size && size - end < it.cluster(), "{it:?}");
            assert_eq!(it.cluster_start(2) % it.cluster(), 0, "{it:?}");
        }
        for size in [
            0,
            4096,
            32 << 20,
            (33 << 20) + 512,
            (8 << 30) + 4096,
            u64::MAX,
        ] {
            assert!(matches!(Geometry::of(size), Err(FatWriteError::Size(_))));
        }
    }
}
