//! Entries and tiles that are whole, each by itself, and not in their places.

use karat::log::{Checked, Log};
use karat::tlog::{decode_bundle, encode_bundle};

use super::crash::{entries, origin};
use super::disk::MemoryDisk;
use crate::keys::fixture::key;

/// A log of 300 entries, of which the first 256 fill a tile.
fn grown() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let mut log = Log::create(&disk, &origin(), &key(111)).unwrap();
    for part in entries("entry", 300).chunks(100) {
        log.append(&key(111), part).unwrap();
    }
    drop(log);
    disk
}

fn check(disk: &MemoryDisk) -> Checked {
    let log = Log::open(disk).unwrap();
    log.check(&log.keys().unwrap()).unwrap()
}

/// The log with the bundle `path` rewritten.
fn rewritten(path: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> MemoryDisk {
    let disk = grown();
    let bytes = disk.files()[path].clone();
    let mut all: Vec<Vec<u8>> = decode_bundle(&bytes)
        .unwrap()
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    change(&mut all);
    disk.put(path, &encode_bundle(&all).unwrap());
    disk
}

/// The fault is named by a file of the tree.
fn names(checked: &Checked, path: &str) {
    let named = checked
        .faults
        .iter()
        .any(|fault| fault.path.starts_with(path));
    assert!(named, "{path}: {:?}", checked.faults);
}

#[test]
fn entries_that_changed_places_are_found() {
    for path in ["tile/entries/000", "tile/entries/001.p/44"] {
        names(
            &check(&rewritten(path, |all| all.swap(3, 4))),
            "tile/entries",
        );
        names(
            &check(&rewritten(path, |all| all.reverse())),
            "tile/entries",
        );
        // One twice, and another gone for it: the count is the same.
        names(
            &check(&rewritten(path, |all| all[7] = all[6].clone())),
            "tile/entries",
        );
    }
}

#[test]
fn hashes_that_changed_places_are_found() {
    for path in ["tile/0/000", "tile/0/001.p/44"] {
        let disk = grown();
        let mut bytes = disk.files()[path].clone();
        let (first, second) = bytes.split_at_mut(32);
        first.swap_with_slice(&mut second[..32]);
        disk.put(path, &bytes);
        names(&check(&disk), "tile/");
    }
    let disk = grown();
    let other = disk.files()["tile/0/000"].clone();
    disk.put("tile/1/000.p/1", &other[..32]);
    names(&check(&disk), "tile/1/000.p/1");
}

#[test]
fn a_partial_tile_that_is_another_than_the_full_one_is_found() {
    // Both are there: readers of the smaller tree would see another history.
    for (partial, full) in [
        ("tile/0/000.p/100", "tile/0/000"),
        ("tile/entries/000.p/100", "tile/entries/000"),
    ] {
        let disk = grown();
        assert!(check(&disk).faults.is_empty());
        let whole = disk.files()[full].clone();
        let mut bytes = if full.starts_with("tile/entries") {
            encode_bundle(&decode_bundle(&whole).unwrap()[..100]).unwrap()
        } else {
            whole[..100 * 32].to_vec()
        };
        disk.put(partial, &bytes);
        assert!(check(&disk).faults.is_empty(), "{partial}");
        bytes[40] ^= 1;
        disk.put(partial, &bytes);
        names(&check(&disk), partial);
        // Gone, the full one stands for it; gone as well, nothing does.
        disk.take(partial);
        assert!(check(&disk).faults.is_empty(), "{partial} gone");
        disk.take(full);
        assert!(!check(&disk).faults.is_empty(), "{full} gone");
    }
}
