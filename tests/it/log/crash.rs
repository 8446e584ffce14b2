//! The power goes at every single operation of an append, and every single operation fails once:
//! whatever an append promised stays, and no size ever gets two roots.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::ErrorKind;

use karat::key::{PublicKey, Signature, Signer, SignerError, SigningKey};
use karat::log::Log;
use karat::tlog::{Checkpoint, NoteName, leaf_hash};

use super::disk::{Fuse, Left, MemoryDisk};
use crate::keys::fixture::key;

/// A signer that remembers what it signed: what may have got out.
#[derive(Debug)]
pub struct Witnessed {
    key: SigningKey,
    signed: RefCell<BTreeMap<u64, String>>,
}

impl Witnessed {
    pub fn new() -> Self {
        Self {
            key: key(111),
            signed: RefCell::default(),
        }
    }
}

impl Signer for Witnessed {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let text = std::str::from_utf8(message).unwrap().to_owned();
        let size = Checkpoint::parse(&text).unwrap().head.size;
        let before = self.signed.borrow_mut().insert(size, text.clone());
        assert!(
            before.is_none_or(|before| before == text),
            "two trees of {size} entries"
        );
        self.key.sign(message)
    }
}

pub fn origin() -> NoteName {
    NoteName::parse("example.com/log").unwrap()
}

pub fn entries(what: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| format!("{what} {number}").into_bytes())
        .collect()
}

/// A log with `size` entries, added in two appends.
fn base(size: usize) -> (MemoryDisk, Vec<Vec<u8>>) {
    let disk = MemoryDisk::default();
    let all = entries("base", size);
    let mut log = Log::create(&disk, &origin(), &key(111)).unwrap();
    let (first, last) = all.split_at(size.saturating_sub(1));
    for part in [first, last] {
        if !part.is_empty() {
            log.append(&key(111), part).unwrap();
        }
    }
    (disk.restart(Left::Nothing), all)
}

fn is_whole(disk: &MemoryDisk, expected: &[Vec<u8>]) {
    let log = Log::open(disk).unwrap();
    let checked = log.check(&log.keys().unwrap()).unwrap();
    assert_eq!(checked.faults, []);
    assert!(log.size() >= expected.len() as u64);
    let mut index = 0;
    while index < expected.len() {
        for entry in log.bundle(index as u64).unwrap() {
            if let Some(wanted) = expected.get(index) {
                assert_eq!(entry, *wanted, "entry {index}");
            }
            index += 1;
        }
    }
}

/// Goes on after a restart: what was there is there, other entries can be added, and so can those
/// that were interrupted.
fn goes_on(disk: &MemoryDisk, signer: &Witnessed, acknowledged: &[Vec<u8>], cut: &[Vec<u8>]) {
    let mut log = Log::open(disk).unwrap();
    let before = log.size();
    assert!(before >= acknowledged.len() as u64, "something was lost");
    let other = entries("other", 3);
    let places = log.append(signer, &other).unwrap();
    let places: Vec<u64> = places.iter().map(|place| place.index).collect();
    let again = log.append(signer, cut).unwrap();
    let pairs: Vec<_> = again.iter().zip(cut).collect();
    for (place, entry) in pairs.first().into_iter().chain(pairs.last()) {
        assert_eq!(log.entry(place.index).unwrap(), **entry);
        log.receipt(place.index, leaf_hash(entry)).unwrap();
    }
    let mut indices: Vec<u64> = again.iter().map(|place| place.index).collect();
    indices.dedup();
    assert_eq!(indices.len(), cut.len());
    for (index, entry) in places.iter().zip(&other) {
        assert_eq!(log.entry(*index).unwrap(), *entry);
    }
    let size = log.size();
    assert_eq!(size, (acknowledged.len() + other.len() + cut.len()) as u64);
    drop(log);
    is_whole(disk, acknowledged);
}

/// A crash at every operation of adding `more` entries to `size`.
fn crash_everywhere(size: usize, more: usize) {
    let (disk, acknowledged) = base(size);
    let new = entries("new", more);
    let operations = {
        let whole = disk.clone();
        whole.operations.set(0);
        let mut log = Log::open(&whole).unwrap();
        log.append(&Witnessed::new(), &new).unwrap();
        is_whole(&whole, &[&acknowledged[..], &new].concat());
        whole.operations.get()
    };
    assert!(operations > 20, "{operations}");
    for at in 0..operations {
        let interrupted = disk.clone();
        interrupted.operations.set(0);
        interrupted.fuse.set(Fuse::Crash(at));
        let signer = Witnessed::new();
        let outcome = Log::open(&interrupted).unwrap().append(&signer, &new);
        // What comes after publishing may fail in silence.
        let mut kept = acknowledged.clone();
        if outcome.is_ok() {
            kept.extend_from_slice(&new);
        }
        for left in [
            Left::Nothing,
            Left::All,
            Left::Torn,
            Left::Some(1),
            Left::Some(2),
            Left::Some(3),
        ] {
            let restarted = interrupted.restart(left);
            // Each future starts from what may have got out by then.
            let signer = Witnessed {
                key: key(111),
                signed: signer.signed.clone(),
            };
            let cut = if outcome.is_ok() { &[][..] } else { &new[..] };
            goes_on(&restarted, &signer, &kept, cut);
        }
    }
}

#[test]
fn a_crash_at_any_operation_of_the_first_append() {
    crash_everywhere(0, 1);
}

#[test]
fn a_crash_at_any_operation_before_a_tile_is_full() {
    crash_everywhere(254, 1);
}

#[test]
fn a_crash_at_any_operation_when_a_tile_becomes_full() {
    crash_everywhere(255, 1);
}

#[test]
fn a_crash_at_any_operation_of_the_first_of_a_tile() {
    crash_everywhere(256, 1);
}

#[test]
fn a_crash_at_any_operation_of_a_batch_across_tiles() {
    crash_everywhere(250, 270);
}

#[test]
fn a_crash_at_any_operation_of_making_a_log() {
    let operations = {
        let disk = MemoryDisk::default();
        drop(Log::create(&disk, &origin(), &key(111)).unwrap());
        disk.operations.get()
    };
    for at in 0..operations {
        let disk = MemoryDisk::default();
        disk.fuse.set(Fuse::Crash(at));
        let signer = Witnessed::new();
        assert!(Log::create(&disk, &origin(), &signer).is_err());
        for left in [
            Left::Nothing,
            Left::All,
            Left::Torn,
            Left::Some(1),
            Left::Some(2),
        ] {
            let disk = disk.restart(left);
            if Log::open(&disk).is_err() {
                Log::create(&disk, &origin(), &signer).unwrap();
            }
            goes_on(&disk, &signer, &[], &[]);
        }
    }
}

#[test]
fn any_operation_fails_once_and_the_next_append_goes_on() {
    for (size, more) in [(0, 1), (255, 2), (250, 270)] {
        let (disk, acknowledged) = base(size);
        let new = entries("new", more);
        for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
            let mut at = 0;
            loop {
                let broken = disk.clone();
                broken.operations.set(0);
                broken.fuse.set(Fuse::Once(at, kind));
                let signer = Witnessed::new();
                let mut log = Log::open(&broken).unwrap();
                let outcome = log.append(&signer, &new);
                if broken.operations.get() <= at {
                    break;
                }
                // The same value, and one that was opened anew after a crash.
                let cut = if outcome.is_ok() { &[][..] } else { &new[..] };
                let mut kept = acknowledged.clone();
                if outcome.is_ok() {
                    kept.extend_from_slice(&new);
                }
                let crashed = broken.restart(Left::Nothing);
                let places = log.append(&signer, &new).unwrap();
                assert_eq!(places[0].index, size as u64);
                is_whole(&broken, &[&acknowledged[..], &new].concat());
                let signer = Witnessed {
                    key: key(111),
                    signed: signer.signed.clone(),
                };
                // The other future must not be held to what this one signed.
                signer
                    .signed
                    .borrow_mut()
                    .retain(|signed, _| *signed <= (size + more) as u64);
                goes_on_alone(&crashed, &kept, cut);
                at += 1;
            }
            assert!(at > 20, "{at}");
        }
    }
}

/// As [`goes_on`], with a signer of its own.
fn goes_on_alone(disk: &MemoryDisk, acknowledged: &[Vec<u8>], cut: &[Vec<u8>]) {
    goes_on(disk, &Witnessed::new(), acknowledged, cut);
}
