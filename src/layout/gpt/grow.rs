//! Disks that became larger than their tables know.
//!
//! Whoever writes grown tables writes the second copy first, at the disk's new end, where nothing lies
//! yet; flushes; and then the first. Up to there the first and the old second copy still say what they
//! said. What a power failure in the middle of the first leaves is one or the other in each sector, and
//! the second copy at the disk's end says what was meant: [`Disk::cut_off`].

use super::crc::crc32;
use super::read::{Header, SECTOR_BYTES, sectors_at};
use super::{Attributes, Copy, Disk, ENTRY, HEAD_SECTORS, SECTOR, TABLE_SECTORS, TAIL_SECTORS};
use crate::layout::fields::Fields;
use crate::layout::{Source, Uuid};

/// Where a partition that grew ends, and the least that is worth it.
const ALIGNMENT: u64 = 1 << 20;
/// Where an entry says the last sector of its partition, and how it is to be treated.
const END_AT: usize = 40;
const ATTRIBUTES_AT: usize = 48;

/// Why a partition cannot take what its disk has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partition {number} does not grow: partition {other} lies behind it")]
pub struct GrowError {
    /// The one that was to grow.
    pub number: usize,
    /// The one in its way.
    pub other: usize,
}

impl Disk {
    /// These tables, once the partition `id` takes what the disk has more than they know; `None`: it
    /// would win less than 1 MiB, or there is none with [`Attributes::GROW`].
    ///
    /// # Errors
    /// Another partition lies behind it.
    pub fn grown(&self, id: Uuid) -> Result<Option<Self>, GrowError> {
        let grows = |it: &&super::Partition| it.id == id && it.attributes.has(Attributes::GROW);
        let Some(partition) = self.partitions.iter().find(grows) else {
            return Ok(None);
        };
        let known = down(self.size, SECTOR);
        let room = known.saturating_sub(TAIL_SECTORS.saturating_mul(SECTOR));
        let end = down(room, ALIGNMENT);
        if known <= self.known || end < partition.end().saturating_add(ALIGNMENT) {
            return Ok(None);
        }
        let number = partition.number;
        let behind = |it: &&super::Partition| it.start > partition.start;
        if let Some(other) = self.partitions.iter().find(behind) {
            let other = other.number;
            return Err(GrowError { number, other });
        }
        let mut grown = self.clone();
        grown.known = known;
        for it in grown.partitions.iter_mut().filter(|it| it.id == id) {
            it.size = end.saturating_sub(it.start);
        }
        Ok(Some(grown))
    }

    /// The tables of a disk on which writing those of [`Disk::grown`] was cut off in the middle of the
    /// first copy; `None`: that is not what happened to it.
    ///
    /// The second copy at the very end must be whole. The first must have a whole header of the same
    /// disk, and may say something else only of where one partition ends that has
    /// [`Attributes::GROW`], and ended before that. Sectors are written whole or not at all.
    pub fn cut_off(disk: &dyn Source) -> Option<Self> {
        let size = disk.size();
        let last = (size / SECTOR).checked_sub(1)?;
        let start = last.checked_sub(HEAD_SECTORS.saturating_add(TAIL_SECTORS))?;
        let head = sectors_at(disk, 0, HEAD_SECTORS).ok()?;
        let (_, rest) = head.split_at_checked(SECTOR_BYTES)?;
        let (first, old) = rest.split_at_checked(SECTOR_BYTES)?;
        let tail_start = last.saturating_sub(TABLE_SECTORS);
        let tail = sectors_at(disk, tail_start, TAIL_SECTORS).ok()?;
        let (table, second) = tail.split_at_checked(tail.len().checked_sub(SECTOR_BYTES)?)?;
        let first = Header::parse(first, Copy::First).ok()?;
        let second = Header::parse(second, Copy::Second).ok()?;
        let is_there = (second.own, second.other, second.table) == (last, 1, tail_start)
            && crc32(&[table]) == second.crc
            && HEAD_SECTORS <= second.usable.0
            && second.usable.0 <= start
            && second.usable.1 < tail_start;
        let is_its = (first.own, first.table, first.disk, first.usable.0)
            == (1, 2, second.disk, second.usable.0)
            && first.other <= last;
        let mut changed = old.chunks(ENTRY).zip(table.chunks(ENTRY));
        let mut changed = changed.by_ref().filter(|(old, new)| old != new);
        let only_grew = changed.next().is_none_or(|(old, new)| grew(old, new));
        let is_one = changed.next().is_none();
        if !(is_there && is_its && only_grew && is_one) {
            return None;
        }
        let found = second.disk(table, size).ok()?;
        // What would be written is what stands there.
        (found.tail() == tail).then_some(found)
    }
}

/// Whether an entry differs from another by an end farther behind alone.
fn grew(old: &[u8], new: &[u8]) -> bool {
    let same = |range: std::ops::Range<usize>| old.get(range.clone()) == new.get(range);
    let [old_end, new_end] = [old, new].map(|entry| Fields(entry).u64(END_AT));
    same(0..END_AT)
        && same(ATTRIBUTES_AT..ENTRY)
        && Attributes(Fields(new).u64(ATTRIBUTES_AT)).has(Attributes::GROW)
        && old_end < new_end
}

fn down(size: u64, to: u64) -> u64 {
    size.saturating_sub(size.checked_rem(to).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::gpt::{Kind, Partition};

    const MIB: u64 = 1 << 20;

    fn uuid(byte: u8) -> Uuid {
        Uuid::from_bytes([byte; 16])
    }

    /// Three partitions of 1 MiB; the last one grows. One number is left out, as tables may.
    fn disk() -> Disk {
        let numbers = [1, 2, 4].into_iter().zip(1..);
        let partitions = numbers.map(|(number, place)| Partition {
            number,
            kind: Kind::Linux,
            id: uuid(place),
            start: u64::from(place) * MIB,
            size: MIB,
            attributes: if place == 3 {
                Attributes::GROW
            } else {
                Attributes::default()
            },
            name: "n\u{f6}\u{1f642}".to_owned(),
        });
        Disk {
            id: uuid(9),
            partitions: partitions.collect(),
            size: 5 * MIB,
            known: 5 * MIB,
            first: 34 * SECTOR,
        }
    }

    fn put(bytes: &mut [u8], at: u64, part: &[u8]) {
        let at = usize::try_from(at).unwrap();
        bytes[at..at + part.len()].copy_from_slice(part);
    }

    /// The bytes of the disk, as one of `size`.
    fn bytes(disk: &Disk, size: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        put(&mut bytes, 0, &disk.head());
        put(&mut bytes, disk.known - 33 * SECTOR, &disk.tail());
        bytes
    }

    #[test]
    fn the_last_takes_what_is_there() {
        let size = 9 * MIB + 512 * 3 + 100;
        let old = Disk { size, ..disk() };
        assert_eq!(Disk::read(&bytes(&old, size)).unwrap(), old);
        let grown = old.grown(uuid(3)).unwrap().unwrap();
        assert_eq!(grown.known, 9 * MIB + 512 * 3);
        assert_eq!(grown.partitions[2].end(), 8 * MIB);
        assert_eq!(grown.partitions[..2], old.partitions[..2]);
        assert_eq!(Disk::read(&bytes(&grown, size)).unwrap(), grown);
        assert_eq!(grown.grown(uuid(3)), Ok(None), "there is no more");
    }

    #[test]
    fn nothing_grows_that_need_not_or_must_not() {
        assert_eq!(disk().grown(uuid(3)), Ok(None));
        let size = 9 * MIB;
        let larger = Disk { size, ..disk() };
        assert_eq!(larger.grown(uuid(2)), Ok(None), "not asked to");
        assert_eq!(larger.grown(uuid(7)), Ok(None), "not there");
        let size = 5 * MIB + 32 * SECTOR;
        assert_eq!(
            Disk { size, ..disk() }.grown(uuid(3)),
            Ok(None),
            "not worth it"
        );
        let mut behind = larger;
        behind.partitions[0].start = 4 * MIB;
        behind.partitions[0].size = SECTOR;
        let error = behind.grown(uuid(3)).unwrap_err();
        assert_eq!((error.number, error.other), (4, 1));
    }

    #[test]
    fn power_fails_at_every_sector() {
        let size = 9 * MIB;
        let old = Disk { size, ..disk() };
        let new = old.grown(uuid(3)).unwrap().unwrap();
        let before = bytes(&old, size);
        let head = new.head();
        let mut second = before.clone();
        put(&mut second, size - 33 * SECTOR, &new.tail());
        // The second copy is there, or a part of it: nothing has changed yet.
        assert_eq!(Disk::read(&second).unwrap(), old);
        // The first copy: each subset of the three sectors that change, and all the others, which do not.
        let changed = [0, 1, 2];
        for subset in 0..8_u32 {
            let mut torn = second.clone();
            for sector in changed.iter().filter(|sector| subset & 1 << **sector != 0) {
                let at = sector * SECTOR_BYTES;
                let bytes = &head[at..at + SECTOR_BYTES];
                put(&mut torn, u64::try_from(at).unwrap(), bytes);
            }
            match subset {
                0 => assert_eq!(Disk::read(&torn).unwrap(), old),
                7 => assert_eq!(Disk::read(&torn).unwrap(), new),
                _ => assert!(Disk::read(&torn).is_err(), "{subset}"),
            }
            // Where it can be read, nobody asks what was cut off.
            assert_eq!(Disk::cut_off(&torn).as_ref(), Some(&new), "{subset}");
            put(&mut torn, 0, &head);
            assert_eq!(Disk::read(&torn).unwrap(), new);
        }
        assert_eq!(
            &head[3 * SECTOR_BYTES..],
            &before[3 * SECTOR_BYTES..head.len()]
        );
    }

    #[test]
    fn what_else_is_damaged_is_not_mended() {
        let size = 9 * MIB;
        let old = Disk { size, ..disk() };
        let new = old.grown(uuid(3)).unwrap().unwrap();
        let mut torn = bytes(&new, size);
        put(&mut torn, 0, &old.head()[..SECTOR_BYTES * 2]);
        assert_eq!(Disk::cut_off(&torn).as_ref(), Some(&new));
        let spoilt = |at: u64| {
            let mut torn = torn.clone();
            torn[usize::try_from(at).unwrap()] ^= 1;
            Disk::cut_off(&torn)
        };
        let table = 2 * SECTOR;
        for (at, what) in [
            (SECTOR, "the first header"),
            (table, "another entry"),
            (table + 128 * 3 + 32, "where the entry starts"),
            (
                table + 128 * 3 + 43,
                "an end that is farther behind than it shall be",
            ),
            (table + 128 * 3 + 55, "the flag"),
            (table + 128 * 5, "an entry that was none"),
            (size - SECTOR, "the second header"),
            (size - 33 * SECTOR, "the second table"),
        ] {
            assert_eq!(spoilt(at), None, "{what}");
        }
        // Of another disk.
        let other = Disk {
            id: uuid(8),
            ..old.clone()
        };
        let mut torn = bytes(&new, size);
        put(&mut torn, 0, &other.head());
        assert_eq!(Disk::cut_off(&torn), None);
        assert_eq!(Disk::cut_off(&bytes(&old, size)), None, "never grown");
        assert_eq!(Disk::cut_off(&vec![0; 4096]), None);
    }
}
