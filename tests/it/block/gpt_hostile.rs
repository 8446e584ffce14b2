//! Partition tables of somebody who wants two programs to see two disks.

use karat::layout::Source;
use karat::layout::gpt::{Copy, Disk, GptError};

use super::fixture::plan;

/// A disk of tables alone: what lies between does not matter.
struct Bare {
    size: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Source for Bare {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), karat::layout::SourceError> {
        let start = plan().size() - self.tail.len() as u64;
        let (from, bytes) = if offset < start {
            (0, &self.head)
        } else {
            (start, &self.tail)
        };
        bytes.read_at(offset - from, buffer)
    }
}

/// Where things are in the head: the first header, and the table.
const HEADER: usize = 512;
const TABLE: usize = 1024;
/// And in the tail.
const SECOND: usize = 32 * 512;

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

impl Bare {
    fn new() -> Self {
        let plan = plan();
        Self {
            size: plan.size(),
            head: plan.head(),
            tail: plan.tail(),
        }
    }

    /// Writes over an entry, in both copies, and makes the checksums right.
    fn entry(mut self, number: usize, at: usize, bytes: &[u8]) -> Self {
        let place = (number - 1) * 128 + at;
        self.head[TABLE + place..][..bytes.len()].copy_from_slice(bytes);
        self.tail[place..][..bytes.len()].copy_from_slice(bytes);
        self.sum()
    }

    /// Writes over both headers, and makes the checksums right.
    fn headers(mut self, at: usize, bytes: &[u8]) -> Self {
        self.head[HEADER + at..][..bytes.len()].copy_from_slice(bytes);
        self.tail[SECOND + at..][..bytes.len()].copy_from_slice(bytes);
        self.sum()
    }

    fn first(mut self, at: usize, bytes: &[u8]) -> Self {
        self.head[HEADER + at..][..bytes.len()].copy_from_slice(bytes);
        self.sum()
    }

    fn second(mut self, at: usize, bytes: &[u8]) -> Self {
        self.tail[SECOND + at..][..bytes.len()].copy_from_slice(bytes);
        self.sum()
    }

    fn sum(mut self) -> Self {
        let tables = [crc(&self.head[TABLE..]), crc(&self.tail[..SECOND])];
        let headers = [
            &mut self.head[HEADER..HEADER + 512],
            &mut self.tail[SECOND..],
        ];
        for (header, table) in headers.into_iter().zip(tables) {
            header[88..92].copy_from_slice(&table.to_le_bytes());
            header[16..20].fill(0);
            let sum = crc(&header[..92]);
            header[16..20].copy_from_slice(&sum.to_le_bytes());
        }
        self
    }

    fn refused(&self) -> GptError {
        Disk::read(self).unwrap_err()
    }
}

fn entry_rule(bare: &Bare) -> (usize, &'static str) {
    match bare.refused() {
        GptError::Entry { number, rule } => (number, rule),
        error => panic!("{error}"),
    }
}

fn header_rule(bare: &Bare) -> (Copy, &'static str) {
    match bare.refused() {
        GptError::Header { copy, rule } => (copy, rule),
        error => panic!("{error}"),
    }
}

#[test]
fn nothing_is_wrong_with_the_disk_that_they_are_made_of() {
    assert_eq!(Disk::read(&Bare::new().sum()).unwrap().partitions.len(), 6);
}

#[test]
fn overlapping_partitions() {
    // The second begins with the last sector of the first.
    let last = (35_u64 << 20) / 512 - 1;
    let bare = Bare::new().entry(1, 40, &(last + 1).to_le_bytes());
    let overlap = |error| {
        matches!(
            error,
            GptError::Overlap {
                first: 1,
                second: 2
            }
        )
    };
    assert!(overlap(bare.refused()));
    // One within another, later in the table.
    let inside =
        Bare::new()
            .entry(6, 32, &4096_u64.to_le_bytes())
            .entry(6, 40, &4103_u64.to_le_bytes());
    let error = inside.refused();
    assert!(
        matches!(
            error,
            GptError::Overlap {
                first: 1,
                second: 6
            }
        ),
        "{error}"
    );
}

#[test]
fn header_copies_that_differ() {
    let disk = Bare::new().second(56, &[7; 16]);
    assert!(matches!(disk.refused(), GptError::Copies("headers")));
    let usable = Bare::new().second(40, &2056_u64.to_le_bytes());
    assert!(matches!(usable.refused(), GptError::Copies("headers")));
}

#[test]
fn table_copies_that_differ() {
    let mut bare = Bare::new();
    // A name, with both checksums right.
    bare.tail[56] ^= 1;
    assert!(matches!(bare.sum().refused(), GptError::Copies("tables")));
}

#[test]
fn table_crc_wrong() {
    let mut bare = Bare::new();
    bare.head[TABLE + 200] ^= 1;
    assert!(matches!(bare.refused(), GptError::TableCrc(Copy::First)));
    let mut bare = Bare::new();
    bare.tail[200] ^= 1;
    assert!(matches!(bare.refused(), GptError::TableCrc(Copy::Second)));
}

#[test]
fn header_crc_wrong() {
    let sum = "has another checksum than it says";
    for (place, copy) in [(0, Copy::First), (1, Copy::Second)] {
        let mut bare = Bare::new();
        match place {
            0 => bare.head[HEADER + 60] ^= 1,
            _ => bare.tail[SECOND + 60] ^= 1,
        }
        assert_eq!(header_rule(&bare), (copy, sum));
    }
}

#[test]
fn a_header_that_is_gone_or_elsewhere() {
    assert_eq!(
        header_rule(&Bare::new().first(0, b"X")),
        (Copy::First, "is missing")
    );
    assert_eq!(
        header_rule(&Bare::new().second(0, b"X")),
        (Copy::Second, "is missing")
    );
    let place = "is not where it says";
    assert_eq!(
        header_rule(&Bare::new().first(24, &[2])),
        (Copy::First, place)
    );
    assert_eq!(
        header_rule(&Bare::new().first(72, &[3])),
        (Copy::First, place)
    );
    assert_eq!(
        header_rule(&Bare::new().second(32, &[2])),
        (Copy::Second, place)
    );
    assert_eq!(
        header_rule(&Bare::new().second(24, &[2])),
        (Copy::Second, place)
    );
    let other = "says that the second lies where it cannot";
    for sector in [0, 1, 65, 94_208, u64::MAX] {
        let bare = Bare::new().first(32, &sector.to_le_bytes());
        assert_eq!(header_rule(&bare), (Copy::First, other), "{sector}");
    }
}

#[test]
fn headers_of_kinds_that_nobody_writes() {
    let kind = "is not of revision 1.0 with 128 entries of 128 bytes, and zeros behind";
    for (at, bytes) in [
        (8, 0x0002_0000_u32),
        (20, 1),
        (80, 127),
        (80, u32::MAX),
        (84, 256),
        (84, 0),
        (92, 1),
        (508, 1),
    ] {
        let bare = Bare::new().headers(at, &bytes.to_le_bytes());
        assert_eq!(header_rule(&bare), (Copy::First, kind), "{at}");
    }
    let tables = "lets partitions lie over the tables";
    for (first, last) in [
        (33, 90_000),
        (2048, 94_175),
        (5000, 4999),
        (0, u64::MAX),
        (u64::MAX, 0),
    ] {
        let bytes = [u64::to_le_bytes(first), u64::to_le_bytes(last)].concat();
        assert_eq!(
            header_rule(&Bare::new().headers(40, &bytes)),
            (Copy::First, tables)
        );
    }
}

#[test]
fn sector_0_is_a_protective_mbr_and_nothing_else() {
    for (at, byte) in [
        (510, 0),
        (0, 0xeb),
        (445, 1),
        (446, 0x80),
        (450, 0x0c),
        (454, 2),
        (458, 7),
        (462, 1),
        (509, 1),
    ] {
        let mut bare = Bare::new();
        bare.head[at] = byte;
        assert!(matches!(bare.refused(), GptError::Mbr(_)), "byte {at}");
    }
    let mut bare = Bare::new();
    bare.head[458..462].fill(0xff);
    assert!(Disk::read(&bare).is_ok(), "as some write it");
}

#[test]
fn entries_that_make_no_sense() {
    assert_eq!(
        entry_rule(&Bare::new().entry(9, 100, &[1])),
        (9, "is unused, but not empty")
    );
    assert_eq!(
        entry_rule(&Bare::new().entry(2, 0, &[0; 16])),
        (2, "is unused, but not empty")
    );
    assert_eq!(
        entry_rule(&Bare::new().entry(2, 16, &[0; 16])),
        (2, "has no UUID")
    );
    let outside = "lies outside of what partitions may take";
    assert_eq!(
        entry_rule(&Bare::new().entry(1, 32, &[40, 0])),
        (1, outside)
    );
    assert_eq!(
        entry_rule(&Bare::new().entry(6, 40, &[0xff; 8])),
        (6, outside)
    );
    assert_eq!(
        entry_rule(&Bare::new().entry(2, 40, &[0; 8])),
        (2, "ends before it starts")
    );
    let start = "does not start at a multiple of 4096 bytes";
    assert_eq!(entry_rule(&Bare::new().entry(1, 32, &[1, 8])), (1, start));
    assert_eq!(
        entry_rule(&Bare::new().entry(1, 126, b"x")),
        (1, "has letters behind its name")
    );
    let surrogate = Bare::new().entry(1, 56, &[0x00, 0xd8]);
    assert_eq!(entry_rule(&surrogate), (1, "has a name that is no text"));
}

#[test]
fn two_partitions_with_one_uuid() {
    let id = plan().partitions()[0].id.to_guid();
    let error = Bare::new().entry(4, 16, &id).refused();
    assert!(
        matches!(
            error,
            GptError::Twice {
                first: 1,
                second: 4
            }
        ),
        "{error}"
    );
}

#[test]
fn disks_that_are_too_small_or_end_early() {
    for size in [0, 511, 512, 66 * 512] {
        let disk = vec![0; size];
        assert!(matches!(Disk::read(&disk), Err(GptError::Small(_))));
    }
    let mut bare = Bare::new();
    bare.size -= 512;
    assert!(matches!(
        bare.refused(),
        GptError::Header {
            copy: Copy::First,
            ..
        }
    ));
}
