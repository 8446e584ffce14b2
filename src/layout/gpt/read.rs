//! Both copies, each rule.

use super::crc::crc32;
use super::{
    Attributes, Copy, Disk, ENTRY, GptError, HEAD_SECTORS, Kind, Partition, SECTOR, TABLE_SECTORS,
    TAIL_SECTORS,
};
use crate::layout::fields::{Fields, is_zero};
use crate::layout::{Source, Uuid};

/// Where partitions may start: at a block of what lies on them. Tools align to 1 MiB.
const ALIGNMENT: u64 = 4096;
/// Bytes of a sector.
pub(super) const SECTOR_BYTES: usize = 512;

impl Disk {
    /// Reads the tables of a disk.
    ///
    /// # Errors
    /// The rule that they break. A disk with one good copy is refused like one with none: it was
    /// damaged or changed.
    pub fn read(disk: &dyn Source) -> Result<Self, GptError> {
        let size = disk.size();
        let sectors = size / SECTOR;
        if sectors < HEAD_SECTORS.saturating_add(TAIL_SECTORS) {
            return Err(GptError::Small(size));
        }
        let head = sectors_at(disk, 0, HEAD_SECTORS)?;
        let (mbr, rest) = head.split_at_checked(SECTOR_BYTES).unwrap_or_default();
        let (first, table) = rest.split_at_checked(SECTOR_BYTES).unwrap_or_default();
        let first = Header::parse(first, Copy::First)?;
        first.is_as(first.own == 1 && first.table == 2, "is not where it says")?;
        let last = first.other;
        let least = HEAD_SECTORS.saturating_add(TAIL_SECTORS).saturating_sub(1);
        let fits = last >= least && last < sectors;
        first.is_as(fits, "says that the second lies where it cannot")?;
        let tail_start = last.saturating_sub(TABLE_SECTORS);
        let usable = HEAD_SECTORS <= first.usable.0
            && first.usable.0 <= first.usable.1
            && first.usable.1 < tail_start;
        first.is_as(usable, "lets partitions lie over the tables")?;
        protective(mbr, last)?;

        let tail = sectors_at(disk, tail_start, TAIL_SECTORS)?;
        let split = tail.len().saturating_sub(SECTOR_BYTES);
        let (second_table, second) = tail.split_at_checked(split).unwrap_or_default();
        let second = Header::parse(second, Copy::Second)?;
        let there = second.own == last && second.other == 1 && second.table == tail_start;
        second.is_as(there, "is not where it says")?;
        for (header, table) in [(&first, table), (&second, second_table)] {
            if crc32(&[table]) != header.crc {
                return Err(GptError::TableCrc(header.copy));
            }
        }
        if (first.disk, first.usable) != (second.disk, second.usable) {
            return Err(GptError::Copies("headers"));
        }
        if table != second_table {
            return Err(GptError::Copies("tables"));
        }
        first.disk(table, size)
    }
}

/// A header, without what is the same in all.
pub(super) struct Header {
    copy: Copy,
    pub(super) own: u64,
    pub(super) other: u64,
    pub(super) usable: (u64, u64),
    pub(super) disk: Uuid,
    pub(super) table: u64,
    pub(super) crc: u32,
}

/// Bytes of a header; the rest of its sector is zero.
pub(super) const HEADER: usize = 92;

impl Header {
    pub(super) fn parse(sector: &[u8], copy: Copy) -> Result<Self, GptError> {
        let fields = Fields(sector);
        let is = |it: bool, rule| {
            if it {
                Ok(())
            } else {
                Err(GptError::Header { copy, rule })
            }
        };
        is(fields.array(0) == *b"EFI PART", "is missing")?;
        let crc = crc32(&[
            fields.bytes(0, 16),
            &[0; 4],
            fields.bytes(20, HEADER.saturating_sub(20)),
        ]);
        is(crc == fields.u32(16), "has another checksum than it says")?;
        let common = fields.u32(8) == 0x0001_0000
            && fields.u32(12) == 92
            && fields.u32(20) == 0
            && fields.u32(80) == 128
            && fields.u32(84) == 128
            && is_zero(sector.get(HEADER..).unwrap_or_default());
        is(
            common,
            "is not of revision 1.0 with 128 entries of 128 bytes, and zeros behind",
        )?;
        Ok(Self {
            copy,
            own: fields.u64(24),
            other: fields.u64(32),
            usable: (fields.u64(40), fields.u64(48)),
            disk: Uuid::from_guid(fields.array(56)),
            table: fields.u64(72),
            crc: fields.u32(88),
        })
    }

    /// The disk of `size` bytes that this header and its table describe: nothing in them has two
    /// meanings.
    pub(super) fn disk(&self, table: &[u8], size: u64) -> Result<Disk, GptError> {
        let mut partitions = Vec::new();
        for (at, bytes) in table.chunks(ENTRY).enumerate() {
            partitions.extend(entry(at.saturating_add(1), Fields(bytes), self.usable)?);
        }
        distinct(&partitions)?;
        // Of the two copies, the second lies at the end of what they know.
        let last = self.own.max(self.other);
        Ok(Disk {
            id: self.disk,
            partitions,
            size,
            known: last.saturating_add(1).saturating_mul(SECTOR),
            first: self.usable.0.saturating_mul(SECTOR),
        })
    }

    fn is_as(&self, it: bool, rule: &'static str) -> Result<(), GptError> {
        if it {
            Ok(())
        } else {
            let copy = self.copy;
            Err(GptError::Header { copy, rule })
        }
    }
}

/// UEFI 2.10, section 5.2.3: one entry over the whole disk, so that old tools see no free room.
fn protective(mbr: &[u8], last: u64) -> Result<(), GptError> {
    let fields = Fields(mbr);
    let is = |it: bool, rule| if it { Ok(()) } else { Err(GptError::Mbr(rule)) };
    is(fields.u16(510) == 0xaa55, "it has no signature")?;
    is(
        is_zero(fields.bytes(0, 446)),
        "it has code or a signature of its own",
    )?;
    is(is_zero(fields.bytes(462, 48)), "it has more than one entry")?;
    // Cylinders, heads and sectors mean nothing any more.
    let [status, _, _, _, kind, _, _, _] = fields.array(446);
    is((status, kind) == (0, 0xee), "its entry is of another type")?;
    let whole = u32::try_from(last).unwrap_or(u32::MAX);
    let span = (fields.u32(454), fields.u32(458));
    let fits = span == (1, whole) || span == (1, u32::MAX);
    is(fits, "its entry does not span the disk")
}

/// One entry; none where it is unused.
fn entry(
    number: usize,
    fields: Fields<'_>,
    usable: (u64, u64),
) -> Result<Option<Partition>, GptError> {
    let is = |it: bool, rule| {
        if it {
            Ok(())
        } else {
            Err(GptError::Entry { number, rule })
        }
    };
    let kind = Uuid::from_guid(fields.array(0));
    if kind == Uuid::NIL {
        is(is_zero(fields.0), "is unused, but not empty")?;
        return Ok(None);
    }
    let id = Uuid::from_guid(fields.array(16));
    is(id != Uuid::NIL, "has no UUID")?;
    let (first, last) = (fields.u64(32), fields.u64(40));
    is(first <= last, "ends before it starts")?;
    is(
        usable.0 <= first && last <= usable.1,
        "lies outside of what partitions may take",
    )?;
    // Both lie on the disk, whose size in bytes is a number.
    let start = first.saturating_mul(SECTOR);
    is(
        start.is_multiple_of(ALIGNMENT),
        "does not start at a multiple of 4096 bytes",
    )?;
    let size = last.saturating_sub(first).saturating_add(1);
    let units = fields.bytes(56, 72).as_chunks().0;
    let mut units = units.iter().copied().map(u16::from_le_bytes);
    let name: Vec<u16> = units.by_ref().take_while(|unit| *unit != 0).collect();
    is(units.all(|unit| unit == 0), "has letters behind its name")?;
    let Ok(name) = String::from_utf16(&name) else {
        let rule = "has a name that is no text";
        return Err(GptError::Entry { number, rule });
    };
    Ok(Some(Partition {
        number,
        kind: Kind::of(kind),
        id,
        start,
        size: size.saturating_mul(SECTOR),
        attributes: Attributes(fields.u64(48)),
        name,
    }))
}

/// No sector and no UUID belongs to two.
fn distinct(partitions: &[Partition]) -> Result<(), GptError> {
    for (at, second) in partitions.iter().enumerate() {
        for first in partitions.iter().take(at) {
            if first.id == second.id {
                return Err(GptError::Twice {
                    first: first.number,
                    second: second.number,
                });
            }
            if first.start < second.end() && second.start < first.end() {
                let (mut first, mut second) = (first, second);
                if second.start < first.start {
                    (first, second) = (second, first);
                }
                return Err(GptError::Overlap {
                    first: first.number,
                    second: second.number,
                });
            }
        }
    }
    Ok(())
}

pub(super) fn sectors_at(disk: &dyn Source, first: u64, count: u64) -> Result<Vec<u8>, GptError> {
    let length = usize::try_from(count.saturating_mul(SECTOR)).unwrap_or(0);
    let mut bytes = vec![0; length];
    disk.read_at(first.saturating_mul(SECTOR), &mut bytes)?;
    Ok(bytes)
}
