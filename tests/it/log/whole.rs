//! Logs of the sizes where something may go wrong, and what checking them finds.

use karat::log::{Log, LogError};
use karat::tlog::{Checkpoint, Frontier, Note, TreeHead, leaf_hash, tiles_of};

use super::crash::{entries, origin};
use super::disk::MemoryDisk;
use crate::keys::fixture::key;
use crate::support::log::MemoryTree;

fn grown(steps: &[usize]) -> (MemoryDisk, Vec<Vec<u8>>) {
    let disk = MemoryDisk::default();
    let mut log = Log::create(&disk, &origin(), &key(111)).unwrap();
    let all = entries("entry", steps.iter().sum());
    let mut rest = &all[..];
    for step in steps {
        let (some, others) = rest.split_at(*step);
        log.append(&key(111), some).unwrap();
        rest = others;
    }
    drop(log);
    (disk, all)
}

fn check(disk: &MemoryDisk) -> karat::log::Checked {
    let log = Log::open(disk).unwrap();
    log.check(&log.keys().unwrap()).unwrap()
}

#[test]
fn files_are_those_of_the_public_layout_whatever_the_steps() {
    for steps in [
        &[1][..],
        &[2],
        &[255],
        &[256],
        &[257],
        &[255, 1],
        &[255, 1, 1],
        &[255, 2],
        &[1, 600],
        &[250, 7, 255, 1, 30],
    ] {
        let (disk, all) = grown(steps);
        let log = Log::open(&disk).unwrap();
        let size = log.size();
        assert_eq!(size, all.len() as u64);
        let mut frontier = Frontier::new();
        for entry in &all {
            frontier.push(leaf_hash(entry), |_, _| {});
        }
        assert_eq!(log.checkpoint().head, frontier.head(), "{steps:?}");
        let files = disk.files();
        for tile in tiles_of(size) {
            assert!(
                files.contains_key(&tile.to_string()),
                "{tile} after {steps:?}"
            );
            if tile.is_full() {
                let partial = format!("{tile}.p/");
                assert!(
                    !files.keys().any(|path| path.starts_with(&partial)),
                    "{partial}"
                );
            }
        }
        let checked = log.check(&log.keys().unwrap()).unwrap();
        assert_eq!(
            (checked.faults, checked.leftovers),
            (vec![], vec![]),
            "{steps:?}"
        );
        // The empty tree's checkpoint too.
        assert_eq!(checked.checkpoints, steps.len() + 1);
        for index in [0, size / 2, size - 1] {
            let entry = &all[usize::try_from(index).unwrap()];
            assert_eq!(log.entry(index).unwrap(), *entry);
            let receipt = log.receipt(index, leaf_hash(entry)).unwrap();
            assert!(
                receipt
                    .proof
                    .check(leaf_hash(entry), frontier.head())
                    .is_ok()
            );
        }
        assert!(matches!(log.entry(size), Err(LogError::NoEntry { .. })));
    }
}

#[test]
fn a_log_of_65537_entries_in_batches_around_the_second_level() {
    let (disk, all) = grown(&[65_534, 1, 1, 1]);
    let log = Log::open(&disk).unwrap();
    let tree = MemoryTree::of_numbers(1);
    assert_eq!(tree.frontier.size(), 1);
    let checked = log.check(&log.keys().unwrap()).unwrap();
    assert_eq!((checked.faults, checked.leftovers), (vec![], vec![]));
    let leaf = leaf_hash(&all[65_536]);
    assert_eq!(log.receipt(65_536, leaf).unwrap().proof.hashes.len(), 1);
    for size in [65_534, 65_535, 65_536, 65_537] {
        let note = log.kept(size).unwrap().unwrap();
        assert_eq!(Checkpoint::parse(note.text()).unwrap().head.size, size);
    }
}

#[test]
fn what_is_there_is_not_added_again() {
    let (disk, all) = grown(&[300]);
    let mut log = Log::open(&disk).unwrap();
    let some = [
        all[7].clone(),
        b"new".to_vec(),
        all[299].clone(),
        b"new".to_vec(),
    ];
    let places = log.append(&key(111), &some).unwrap();
    let places: Vec<(u64, bool)> = places.iter().map(|it| (it.index, it.was_there)).collect();
    assert_eq!(places, [(7, true), (300, false), (299, true), (300, true)]);
    assert_eq!(log.size(), 301);
    let before = disk.files();
    log.append(&key(111), &all[..2]).unwrap();
    log.append(&key(111), &[]).unwrap();
    assert_eq!(disk.files(), before, "nothing was signed");
    let large = vec![b"x".to_vec(), vec![0; 65_536]];
    assert!(matches!(
        log.append(&key(111), &large),
        Err(LogError::EntryTooLarge(1))
    ));
    let largest = vec![vec![0; 65_535]];
    assert_eq!(log.append(&key(111), &largest).unwrap()[0].index, 301);
}

#[test]
fn any_changed_byte_is_found() {
    let (disk, _) = grown(&[255, 2, 10]);
    for (path, bytes) in disk.files() {
        if path.starts_with(".state/") {
            continue;
        }
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let changed = disk.clone();
            let mut other = bytes.clone();
            other[at] ^= 1;
            changed.put(&path, &other);
            let found = match Log::open(&changed) {
                Ok(log) => !log.check(&log.keys().unwrap()).unwrap().faults.is_empty(),
                Err(_) => true,
            };
            assert!(found, "{path}, byte {at}");
        }
        for other in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
            let changed = disk.clone();
            changed.put(&path, other);
            let found = match Log::open(&changed) {
                Ok(log) => {
                    let checked = log.check(&log.keys().unwrap()).unwrap();
                    !checked.faults.is_empty()
                }
                Err(_) => true,
            };
            assert!(found, "{path}, {} bytes", other.len());
        }
        let gone = disk.clone();
        gone.take(&path);
        let found = match Log::open(&gone) {
            // A checkpoint that is not kept is nothing that anybody could know.
            Ok(log) => {
                !log.check(&log.keys().unwrap()).unwrap().faults.is_empty()
                    || path.starts_with("checkpoints/")
            }
            Err(_) => true,
        };
        assert!(found, "{path} gone");
    }
}

/// A checkpoint of any root, well signed.
pub fn forged(size: u64, root: &[u8]) -> Note {
    let checkpoint = Checkpoint {
        origin: origin().to_string(),
        head: TreeHead {
            size,
            root: karat::digest::Digest::of(root),
        },
        extensions: Vec::new(),
    };
    let mut note = Note::new(checkpoint.to_text());
    note.sign(&origin(), &key(111)).unwrap();
    note
}

#[test]
fn a_fork_among_the_kept_checkpoints_is_found() {
    let (disk, _) = grown(&[5, 5]);
    disk.put("checkpoints/5", &forged(5, b"fork").to_bytes());
    let checked = check(&disk);
    assert_eq!(checked.faults.len(), 1);
    assert_eq!(checked.faults[0].path, "checkpoints/5");
    assert!(
        checked.faults[0]
            .message
            .contains("another than that of the first 5")
    );
    // Names that say something else, and rubbish.
    disk.put("checkpoints/7", &forged(8, b"x").to_bytes());
    disk.put("checkpoints/99", &forged(99, b"x").to_bytes());
    disk.put("checkpoints/no", b"rubbish");
    disk.put(
        "tile/0/000.p/200",
        b"left by an append that was interrupted",
    );
    let checked = check(&disk);
    // The one of eight entries asks for tiles, too.
    assert_eq!(checked.faults.len(), 7, "{:?}", checked.faults);
    assert_eq!(checked.leftovers, ["tile/0/000.p/200"]);
}
