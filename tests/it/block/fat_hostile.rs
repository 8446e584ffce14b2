//! FAT32 of somebody who wants firmware and verifier to see two file systems.

use std::collections::BTreeMap;

use karat::image::pieces::Pieces;
use karat::layout::fat::{FatError, Volume};
use karat::layout::{Source, SourceError};

use super::fixture::esp;

/// A file system with other bytes at some places.
pub(super) struct Patched<'a> {
    base: &'a Pieces<'a>,
    size: u64,
    patches: BTreeMap<u64, Vec<u8>>,
}

impl Source for Patched<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.base.read_at(offset, buffer)?;
        for (start, bytes) in &self.patches {
            for (at, byte) in bytes.iter().enumerate() {
                let place = start + at as u64;
                if let Some(place) = place.checked_sub(offset)
                    && let Some(place) = buffer.get_mut(usize::try_from(place).unwrap())
                {
                    *place = *byte;
                }
            }
        }
        Ok(())
    }
}

impl Patched<'_> {
    pub(super) fn number(&self, at: u64, length: usize) -> u64 {
        let mut bytes = [0; 8];
        self.read_at(at, &mut bytes[..length]).unwrap();
        u64::from_le_bytes(bytes)
    }

    pub(super) fn put(mut self, at: u64, bytes: &[u8]) -> Self {
        self.patches.insert(at, bytes.to_vec());
        self
    }

    /// Both copies of the boot sector.
    pub(super) fn boot(self, at: u64, bytes: &[u8]) -> Self {
        self.put(at, bytes).put(6 * 512 + at, bytes)
    }

    pub(super) fn table(&self, number: u64) -> u64 {
        (self.number(14, 2) + number * self.number(36, 4)) * 512
    }

    /// An entry of both tables.
    pub(super) fn follow(self, cluster: u64, next: u32) -> Self {
        let (one, two) = (self.table(0), self.table(1));
        self.put(one + cluster * 4, &next.to_le_bytes())
            .put(two + cluster * 4, &next.to_le_bytes())
    }

    /// Where a cluster lies.
    pub(super) fn cluster(&self, cluster: u64) -> u64 {
        self.table(2) + (cluster - 2) * 512
    }

    fn refused(&self) -> String {
        Volume::read(self).unwrap_err().to_string()
    }
}

/// Two files of two clusters each, in a directory of one cluster; what lies where: 2 is the root,
/// 3 the directory, 4 and 5 the first file, 6 and 7 the second.
pub(super) fn small() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("DIR/one.long".to_owned(), vec![1; 1000]),
        ("DIR/two.long".to_owned(), vec![2; 1000]),
    ])
}

pub(super) fn patched<'a>(base: &'a Pieces<'a>) -> Patched<'a> {
    Patched {
        base,
        size: base.size(),
        patches: BTreeMap::new(),
    }
}

/// Where the entries of the directory lie: itself, what is above, then each name with its short name.
pub(super) const ONE_LONG: u64 = 64;
pub(super) const ONE: u64 = 96;
pub(super) const TWO_LONG: u64 = 128;
pub(super) const TWO: u64 = 160;
pub(super) const LAST: u32 = 0x0fff_ffff;

#[test]
fn nothing_is_wrong_with_what_they_are_made_of() {
    let files = small();
    let base = esp(&files);
    let volume = Volume::read(&patched(&base)).unwrap();
    assert_eq!(volume.files.len(), 2);
    let it = patched(&base);
    let directory = it.cluster(3);
    assert_eq!(it.number(directory + ONE + 26, 2), 4);
    assert_eq!(it.number(directory + TWO + 26, 2), 6);
}

#[test]
fn chains_that_run_in_a_circle_or_into_another_file() {
    let files = small();
    let base = esp(&files);
    let twice = "it runs in a circle, or shares a cluster with another file";
    for (cluster, next) in [
        (5, 4),
        (5, 5),
        (4, 4),
        (5, 2),
        (5, 3),
        (4, 0x0fff_fff8 - 8 + 8),
    ] {
        let said = patched(&base).follow(cluster, next).refused();
        let expected = if next >= 0x0fff_fff8 {
            "more or fewer clusters"
        } else {
            twice
        };
        assert!(said.contains(expected), "{cluster} to {next}: {said}");
    }
    // Cross-linked: the first goes on in the second's clusters.
    let said = patched(&base).follow(4, 6).refused();
    assert!(
        said.contains(twice) || said.contains("clusters than bytes"),
        "{said}"
    );
    // Two entries with one chain.
    let it = patched(&base);
    let place = it.cluster(3) + TWO + 26;
    let said = it.put(place, &[4, 0]).refused();
    assert_eq!(said, format!("FAT: /DIR/two.long: {twice}"));
    // A directory that holds itself.
    let it = patched(&base);
    let place = it.cluster(3) + TWO;
    let said = it
        .put(place + 11, &[0x10])
        .put(place + 26, &[3, 0, 0, 0, 0, 0])
        .refused();
    assert!(said.contains(twice), "{said}");
    // The root in a circle.
    assert_eq!(
        patched(&base).follow(2, 2).refused(),
        format!("FAT: /: {twice}")
    );
}

#[test]
fn chains_that_go_nowhere() {
    let files = small();
    let base = esp(&files);
    for (next, rule) in [
        (0, "in a cluster that is free"),
        (1, "in a cluster that is bad or reserved"),
        (0x0fff_fff7, "not there"),
        (0x0fff_fff0, "not there"),
        (0x0010_0000, "not there"),
    ] {
        let said = patched(&base).follow(4, next).refused();
        // What 4 says is where it goes on; 1 and what is beyond are no clusters.
        let fits = said.contains(rule)
            || said.contains("circle") && next == 1
            || said.contains("free") && next == 0;
        assert!(fits || said.contains("bad or reserved"), "{next:x}: {said}");
    }
    let it = patched(&base);
    let place = it.cluster(3) + ONE + 20;
    let said = it.put(place, &[0xff, 0x0f]).refused();
    assert!(said.contains("not there"), "{said}");
}

#[test]
fn clusters_that_belong_to_nobody() {
    let files = small();
    let base = esp(&files);
    assert_eq!(
        patched(&base).follow(9, LAST).refused(),
        "FAT: cluster 9 is in use, but belongs to no file"
    );
    // A bad cluster is a place to hide.
    assert!(
        patched(&base)
            .follow(60_000, 0x0fff_fff7)
            .refused()
            .contains("cluster 60000")
    );
    let it = patched(&base);
    let (behind, spare) = (it.table(1) - 4, it.table(2) - 4);
    let said = it
        .put(behind, &[1, 0, 0, 0])
        .put(spare, &[1, 0, 0, 0])
        .refused();
    assert!(said.contains("behind the last cluster"), "{said}");
}

#[test]
fn sizes_that_do_not_fit_the_chain() {
    let files = small();
    let base = esp(&files);
    for size in [0_u32, 512, 1025, u32::MAX] {
        let it = patched(&base);
        let place = it.cluster(3) + ONE + 28;
        let said = it.put(place, &size.to_le_bytes()).refused();
        assert!(
            said.contains("more or fewer clusters than bytes"),
            "{size}: {said}"
        );
    }
    let it = patched(&base);
    let place = it.cluster(3) + ONE + 26;
    let said = it.put(place, &[0, 0]).refused();
    assert!(said.contains("more or fewer clusters than bytes"), "{said}");
}

#[test]
fn table_copies_that_differ() {
    let files = small();
    let base = esp(&files);
    for number in [0, 1] {
        let it = patched(&base);
        let at = it.table(number) + 4 * 4;
        // The upper four bits mean nothing, and are compared as well.
        for bytes in [[6, 0, 0, 0], [5, 0, 0, 0xf0]] {
            let it = patched(&base).put(at, &bytes);
            assert!(it.refused().contains("its two tables differ"));
        }
    }
    assert!(
        patched(&base)
            .follow(0, 0)
            .refused()
            .contains("do not begin as they must")
    );
    assert!(
        patched(&base)
            .follow(1, 0)
            .refused()
            .contains("do not begin as they must")
    );
    // Not unmounted, and with errors: who writes to it says so meanwhile.
    assert!(Volume::read(&patched(&base).follow(1, 0x03ff_ffff)).is_ok());
}

#[test]
fn boot_sectors_that_are_read_in_two_ways() {
    let files = small();
    let base = esp(&files);
    let huge = [0xff; 4];
    for (at, bytes, rule) in [
        (510, [0_u8, 0].as_slice(), "no signature"),
        (0, &[0xe9], "jump"),
        (11, &[0, 4], "do not have 512 bytes"),
        (13, &[0], "no whole number"),
        (13, &[3], "no whole number"),
        (13, &[2], "too few clusters"),
        (14, &[1, 0], "copy of the boot sector"),
        (16, &[1], "with two tables"),
        (17, &[0, 2], "with two tables"),
        (19, &[1, 0], "with two tables"),
        (21, &[0xf0], "with two tables"),
        (22, &[1, 0], "with two tables"),
        (32, &huge, "larger than its partition"),
        (32, &[0, 0, 0, 0], "too few clusters"),
        (36, &huge, "too few clusters"),
        (36, &[1, 0, 0, 0], "too small for its clusters"),
        (40, &[0x80, 0], "with two tables"),
        (42, &[1, 0], "with two tables"),
        (48, &[2, 0], "where every tool puts it"),
        (50, &[0, 0], "where every tool puts it"),
        (66, &[0x28], "with two tables"),
        (82, b"FAT16", "with two tables"),
    ] {
        let said = patched(&base).boot(at, bytes).refused();
        assert!(said.contains(rule), "{at}: {said}");
    }
    for root in [0_u32, 1, 0x0010_0000, u32::MAX] {
        let it = patched(&base).boot(44, &root.to_le_bytes());
        assert!(Volume::read(&it).is_err(), "{root}");
    }
    let copies = "differs from it";
    assert!(patched(&base).put(3, b"X").refused().contains(copies));
    assert!(
        patched(&base)
            .put(6 * 512 + 100, b"X")
            .refused()
            .contains(copies)
    );
    assert!(
        Volume::read(&patched(&base).put(65, &[1])).is_ok(),
        "mounted somewhere"
    );
    assert!(
        patched(&base)
            .put(512, b"X")
            .refused()
            .contains("how full it is")
    );
    let mut short = patched(&base);
    short.size = 33 << 20;
    assert!(short.refused().contains("larger than its partition"));
    assert!(matches!(
        Volume::read(&vec![0; 100]),
        Err(FatError::Source(_))
    ));
}

#[test]
fn directories_that_are_read_in_two_ways() {
    let files = small();
    let base = esp(&files);
    let behind = "goes on behind its end";
    let orphan = "a part of a name that belongs to nothing";
    let itself = "what it is and what is above it";
    let twice = "the same name twice";
    let odd = "that nobody writes";
    for (at, bytes, rule) in [
        // What some readers find behind the end, and others do not.
        (ONE_LONG, [0_u8].as_slice(), behind),
        (224, b"X", behind),
        // Names without what they name.
        (ONE, &[0xe5], orphan),
        (ONE, b"OTHER", orphan),
        (ONE_LONG, &[0x42], orphan),
        (ONE_LONG, &[0x01], orphan),
        (ONE_LONG, &[0x40], odd),
        (ONE_LONG, &[0xc1], odd),
        (ONE_LONG + 12, &[1], odd),
        (ONE_LONG + 26, &[1], odd),
        (ONE_LONG + 13, &[9], orphan),
        (ONE_LONG + 30, b"x", odd),
        // Names that mean something else to somebody.
        (ONE_LONG + 1, &[0xe9], "not ASCII"),
        (ONE_LONG + 2, &[1], "not ASCII"),
        (ONE_LONG + 1, b"/", "understand differently"),
        (ONE_LONG + 1, b"\\", "understand differently"),
        (ONE_LONG + 1, b"\n", "understand differently"),
        (ONE, b"a", odd),
        (ONE, b" ", odd),
        (ONE + 11, &[0x80], odd),
        (ONE + 12, &[1], odd),
        (ONE + 11, &[0x08], "a label that is none"),
        // Not where it is.
        (0, b"x", itself),
        (26, &[4], itself),
        (11, &[0x20], itself),
        (32 + 26, &[3], itself),
    ] {
        let it = patched(&base);
        let place = it.cluster(3) + at;
        let said = it.put(place, bytes).refused();
        assert!(said.contains(rule), "{at}: {said}");
    }
    // `one.long` becomes `TWO.long`, with its own short name.
    let it = patched(&base);
    let place = it.cluster(3) + ONE_LONG;
    let said = it.put(place + 1, b"T\0W\0O\0").refused();
    assert!(said.contains(twice), "{said}");
}

#[test]
fn entries_that_were_removed_are_nothing() {
    let files = small();
    let base = esp(&files);
    let it = patched(&base);
    let place = it.cluster(3);
    // As firmware removes a file: its names, and its chain.
    let it = it
        .put(place + TWO_LONG, &[0xe5])
        .put(place + TWO, &[0xe5])
        .follow(6, 0)
        .follow(7, 0);
    let volume = Volume::read(&it).unwrap();
    let paths: Vec<&str> = volume.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["DIR/one.long"]);
    assert_eq!(volume.free, Volume::read(&base).unwrap().free + 2);
}
