//! The boot sector and its neighbours (Microsoft's FAT specification 1.03, sections 3 and 5).

use super::FatError;
use crate::layout::Source;
use crate::layout::fields::Fields;
use crate::limits;

/// Where everything lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of the whole file system.
    pub(super) size: u64,
    /// Bytes of a cluster.
    pub(super) cluster: u64,
    /// How many clusters there are; they are numbered from 2.
    pub(super) clusters: u32,
    /// The first byte of the first table.
    pub(super) table: u64,
    /// Bytes of a table.
    pub(super) table_size: u64,
    /// The first byte of cluster 2.
    pub(super) data: u64,
    /// The first cluster of the root directory.
    pub(super) root: u32,
    /// The volume's number.
    pub(super) id: u32,
}

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
/// With fewer clusters, some readers take it for FAT16 (section 3.5).
const CLUSTERS_MIN: u64 = 65_525;
/// Whether it was unmounted: the one byte of the boot sector that changes, and only in the first.
const STATE: usize = 65;

impl Geometry {
    /// What the boot sector says, whatever stands in its neighbours: as firmware and kernel read it.
    pub(super) fn of_boot_sector(source: &dyn Source) -> Result<Self, FatError> {
        let mut boot = [0; 512];
        source.read_at(0, &mut boot)?;
        Self::parse(&boot, source.size())
    }

    pub(super) fn read(source: &dyn Source) -> Result<Self, FatError> {
        let mut sectors = [0; 8 * 512];
        source.read_at(0, &mut sectors)?;
        let [boot, info, _, _, _, _, copy, _] = sectors.as_chunks::<512>().0 else {
            return Err(FatError::Boot("it has no sectors"));
        };
        let geometry = Self::parse(boot, source.size())?;
        let same = boot.iter().zip(copy).enumerate();
        if same
            .into_iter()
            .any(|(at, (one, other))| one != other && at != STATE)
        {
            return Err(FatError::Boot(
                "the copy of the boot sector differs from it",
            ));
        }
        let info = Fields(info);
        if [info.u32(0), info.u32(484), info.u32(508)] != [0x4161_5252, 0x6141_7272, 0xaa55_0000] {
            return Err(FatError::Boot("sector 1 does not say how full it is"));
        }
        Ok(geometry)
    }

    fn parse(boot: &[u8; 512], size: u64) -> Result<Self, FatError> {
        let boot = Fields(boot);
        let is = |it: bool, rule| {
            if it {
                Ok(())
            } else {
                Err(FatError::Boot(rule))
            }
        };
        is(boot.u16(510) == 0xaa55, "the boot sector has no signature")?;
        let [jump, _, nop] = boot.array(0);
        is(
            (jump, nop) == (0xeb, 0x90),
            "the boot sector does not begin with a jump",
        )?;
        is(boot.u16(11) == 512, "its sectors do not have 512 bytes")?;
        let [per_cluster] = boot.array(13);
        is(
            per_cluster.is_power_of_two(),
            "its clusters have no whole number of sectors",
        )?;
        let [tables, ..] = boot.array::<1>(16);
        let [media] = boot.array(21);
        let fat32 = tables == 2
            && boot.u16(17) == 0
            && boot.u16(19) == 0
            && boot.u16(22) == 0
            && media == 0xf8
            && boot.u16(40) == 0
            && boot.u16(42) == 0
            && boot.array::<1>(66) == [0x29]
            && boot.array(82) == *b"FAT32   ";
        is(
            fat32,
            "it is not FAT32 of version 0 with two tables that are both in use",
        )?;
        is(
            (boot.u16(48), boot.u16(50)) == (1, 6),
            "the copy of the boot sector is not where every tool puts it",
        )?;
        let reserved = u64::from(boot.u16(14));
        is(
            reserved >= 8,
            "its reserved sectors do not hold a copy of the boot sector",
        )?;
        let total = u64::from(boot.u32(32));
        let table_sectors = u64::from(boot.u32(36));
        let sectors = size / SECTOR;
        is(total <= sectors, "it is larger than its partition")?;
        // Each is below 2^33.
        let data = reserved.saturating_add(table_sectors.saturating_mul(2));
        let data_sectors = total.saturating_sub(data);
        let clusters = data_sectors
            .checked_div(u64::from(per_cluster))
            .unwrap_or(0);
        is(
            clusters >= CLUSTERS_MIN,
            "it has too few clusters: some would take it for FAT16",
        )?;
        let most = u64::try_from(limits::FAT_CLUSTERS_MAX).unwrap_or(0);
        is(
            clusters <= most,
            "it has too many clusters for an EFI system partition",
        )?;
        let table_size = table_sectors.saturating_mul(SECTOR);
        let needed = clusters.saturating_add(2).saturating_mul(4);
        is(
            table_size >= needed,
            "its tables are too small for its clusters",
        )?;
        let spare = table_size.saturating_sub(needed);
        is(
            spare < 8 << 10,
            "its tables are far larger than they must be",
        )?;
        Ok(Self {
            size: total.saturating_mul(SECTOR),
            cluster: u64::from(per_cluster).saturating_mul(SECTOR),
            clusters: u32::try_from(clusters).unwrap_or(0),
            table: reserved.saturating_mul(SECTOR),
            table_size,
            data: data.saturating_mul(SECTOR),
            root: boot.u32(44),
            id: boot.u32(67),
        })
    }
}
