//! A log in a store of objects: crashes at every operation, answers that are lost, and two writers
//! interleaved at every step. Never two roots of one size, never an entry lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use karat::digest::Digest;
use karat::key::{PublicKey, Signature, Signer, SignerError, SigningKey};
use karat::log::{Bucket, Log, LogError, Objects, Only, Put};
use karat::sys::fs::{IoError, Listed, ListedKind};
use karat::tlog::{Checkpoint, Frontier, NoteSignature, leaf_hash};

use super::crash::{entries, origin};
use crate::keys::fixture::key;

/// What goes wrong, counted over operations that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fuse {
    Never,
    /// From this operation on nothing works; it is not done itself.
    Before(usize),
    /// As before; this operation is done, and its answer is lost.
    After(usize),
    /// This one alone is done, and its answer is lost.
    Lost(usize),
}

/// Which conditions the store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Honest {
    Yes,
    NoIfNoneMatch,
    NoIfMatch,
    /// None of them, but where somebody looks.
    WhenWatched,
}

/// Whose turn it is: one writer for so many operations, then the next.
#[derive(Default)]
struct Turns {
    schedule: VecDeque<(usize, usize)>,
    done: BTreeSet<usize>,
    counts: BTreeMap<usize, usize>,
}

/// A store in memory. Clones share it.
#[derive(Clone, Default)]
struct Memory {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    turns: Arc<(Mutex<Turns>, Condvar)>,
}

/// One writer's way to it.
struct Handle {
    memory: Memory,
    who: usize,
    fuse: Fuse,
    honest: Honest,
    changes: Arc<Mutex<usize>>,
}

impl Memory {
    fn handle(&self, who: usize, fuse: Fuse) -> Bucket<Handle> {
        self.with(who, fuse, Honest::Yes).0
    }

    fn with(&self, who: usize, fuse: Fuse, honest: Honest) -> (Bucket<Handle>, Arc<Mutex<usize>>) {
        let changes = Arc::new(Mutex::new(0));
        let handle = Handle {
            memory: self.clone(),
            who,
            fuse,
            honest,
            changes: changes.clone(),
        };
        (Bucket::new(handle, 1), changes)
    }

    /// A store with the same objects, of which nobody else knows.
    fn copy(&self) -> Self {
        Self {
            objects: Arc::new(Mutex::new(self.objects.lock().unwrap().clone())),
            turns: Arc::default(),
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let mut objects = self.objects.lock().unwrap();
        objects.insert(path.to_owned(), bytes.to_vec());
    }

    /// Does `act` when it is the turn of `who`.
    fn in_turn<T>(&self, who: usize, act: impl FnOnce() -> T) -> T {
        let (turns, changed) = &*self.turns;
        let mut turns = turns.lock().unwrap();
        loop {
            while let Some((writer, left)) = turns.schedule.front().copied() {
                if left > 0 && !turns.done.contains(&writer) {
                    break;
                }
                turns.schedule.pop_front();
            }
            match turns.schedule.front_mut() {
                Some((writer, _)) if *writer != who => turns = changed.wait(turns).unwrap(),
                Some((_, left)) => {
                    *left -= 1;
                    break;
                }
                None => break,
            }
        }
        *turns.counts.entry(who).or_default() += 1;
        let answer = act();
        changed.notify_all();
        answer
    }
}

/// Tells the others when a writer ends, also where it panics.
struct Ends(Memory, usize);

impl Drop for Ends {
    fn drop(&mut self) {
        let (turns, changed) = &*self.0.turns;
        turns.lock().unwrap().done.insert(self.1);
        changed.notify_all();
    }
}

impl Handle {
    /// Whether a change is done, and whether its answer arrives.
    fn change(&self) -> (bool, bool) {
        let mut changes = self.changes.lock().unwrap();
        let number = *changes;
        *changes += 1;
        match self.fuse {
            Fuse::Never => (true, true),
            Fuse::Before(at) => (number < at, number < at),
            Fuse::After(at) => (number <= at, number < at),
            Fuse::Lost(at) => (true, number != at),
        }
    }

    fn gone(path: &str) -> IoError {
        IoError::new("write", path, io::Error::other("the line is gone"))
    }
}

/// As S3 makes them: the same bytes have the same tag.
fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", Digest::of(bytes))
}

impl Objects for Handle {
    fn get(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, String)>, IoError> {
        let bytes = self.memory.in_turn(self.who, || {
            self.memory.objects.lock().unwrap().get(path).cloned()
        });
        match bytes {
            Some(bytes) if bytes.len() as u64 > cap => {
                let large = io::Error::from(io::ErrorKind::FileTooLarge);
                Err(IoError::new("read", path, large))
            }
            Some(bytes) => {
                let tag = tag(&bytes);
                Ok(Some((bytes, tag)))
            }
            None => Ok(None),
        }
    }

    fn put(&self, path: &str, bytes: &[u8], only: Only<'_>) -> Result<Put, IoError> {
        let (is_done, arrives) = self.change();
        let answer = self.memory.in_turn(self.who, || {
            let mut objects = self.memory.objects.lock().unwrap();
            let there = objects.get(path);
            let holds = match only {
                Only::IfAbsent => there.is_none() || self.honest == Honest::NoIfNoneMatch,
                Only::IfTagged(wanted) => {
                    there.is_some_and(|there| tag(there) == wanted)
                        || self.honest == Honest::NoIfMatch
                }
            };
            let holds = holds || self.honest == Honest::WhenWatched && path != ".state/probe";
            if !holds {
                return Put::Refused;
            }
            if is_done {
                objects.insert(path.to_owned(), bytes.to_vec());
            }
            Put::Done
        });
        if arrives {
            Ok(answer)
        } else {
            Err(Self::gone(path))
        }
    }

    fn names(&self, path: &str) -> Result<Vec<Listed>, IoError> {
        let prefix = match path {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let objects = self
            .memory
            .in_turn(self.who, || self.memory.objects.lock().unwrap().clone());
        let inside = objects.keys().filter_map(|key| key.strip_prefix(&prefix));
        let names: BTreeSet<Listed> = inside
            .map(|rest| match rest.split_once('/') {
                Some((name, _)) => (name, ListedKind::Directory),
                None => (rest, ListedKind::File),
            })
            .map(|(name, kind)| Listed {
                name: name.as_bytes().to_vec(),
                kind,
            })
            .collect();
        Ok(names.into_iter().collect())
    }

    fn delete(&self, path: &str) -> Result<(), IoError> {
        let (is_done, arrives) = self.change();
        self.memory.in_turn(self.who, || {
            if is_done {
                self.memory.objects.lock().unwrap().remove(path);
            }
        });
        if arrives {
            Ok(())
        } else {
            Err(Self::gone(path))
        }
    }
}

/// What all writers with the log's key signed: what may have got out.
#[derive(Clone, Debug)]
struct Watched {
    key: Arc<SigningKey>,
    signed: Arc<Mutex<BTreeMap<u64, String>>>,
}

impl Watched {
    fn new() -> Self {
        Self {
            key: Arc::new(key(111)),
            signed: Arc::default(),
        }
    }
}

impl Signer for Watched {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let text = std::str::from_utf8(message).unwrap().to_owned();
        let size = Checkpoint::parse(&text).unwrap().head.size;
        let before = self.signed.lock().unwrap().insert(size, text.clone());
        assert!(
            before.is_none_or(|before| before == text),
            "two trees of {size} entries"
        );
        self.key.sign(message)
    }
}

/// A log with `size` entries.
fn base(size: usize) -> (Memory, Vec<Vec<u8>>) {
    let memory = Memory::default();
    let all = entries("base", size);
    let mut log = Log::create(memory.handle(0, Fuse::Never), &origin(), &key(111)).unwrap();
    if size > 0 {
        log.append(&key(111), &all).unwrap();
    }
    (memory, all)
}

/// Checks all of the log, and that everything that was signed is a beginning of it.
fn is_whole(memory: &Memory, watched: &Watched) -> Vec<Vec<u8>> {
    let log = Log::open(memory.handle(9, Fuse::Never)).unwrap();
    let checked = log.check(&log.keys().unwrap()).unwrap();
    assert_eq!(checked.faults, []);
    assert_eq!(checked.untold, [""; 0]);
    let mut all = Vec::new();
    while (all.len() as u64) < log.size() {
        all.extend(log.bundle(all.len() as u64).unwrap());
    }
    let mut heads = vec![Frontier::new().head()];
    let mut frontier = Frontier::new();
    for entry in &all {
        frontier.push(leaf_hash(entry), |_, _| {});
        heads.push(frontier.head());
    }
    for (size, text) in watched.signed.lock().unwrap().iter() {
        let signed = Checkpoint::parse(text).unwrap().head;
        let size = usize::try_from(*size).unwrap();
        assert_eq!(heads.get(size), Some(&signed), "of {size}");
    }
    all
}

fn position(all: &[Vec<u8>], entry: &[u8]) -> u64 {
    let places: Vec<usize> = (0..all.len())
        .filter(|index| all[*index] == entry)
        .collect();
    assert_eq!(places.len(), 1, "an entry stands in the log once");
    places[0] as u64
}

fn changes_of(size: usize, more: usize) -> usize {
    let (memory, _) = base(size);
    let (bucket, changes) = memory.with(1, Fuse::Never, Honest::Yes);
    let mut log = Log::open(bucket).unwrap();
    log.append(&key(111), &entries("new", more)).unwrap();
    let changes = *changes.lock().unwrap();
    assert!(changes > 8, "{changes}");
    changes
}

fn crash_everywhere(size: usize, more: usize) {
    let (memory, acknowledged) = base(size);
    let new = entries("new", more);
    for at in 0..changes_of(size, more) {
        for fuse in [Fuse::Before(at), Fuse::After(at), Fuse::Lost(at)] {
            let memory = memory.copy();
            let watched = Watched::new();
            let mut log = Log::open(memory.handle(1, fuse)).unwrap();
            let outcome = log.append(&watched, &new);
            // Somebody else goes on.
            let other = entries("other", 2);
            let mut log = Log::open(memory.handle(2, Fuse::Never)).unwrap();
            let places = log.append(&watched, &other).unwrap();
            let again = log.append(&watched, &new).unwrap();
            let all = is_whole(&memory, &watched);
            assert_eq!(&all[..size], acknowledged);
            assert_eq!(all.len(), size + more + 2, "{fuse:?}");
            for (place, entry) in places.iter().zip(&other).chain(again.iter().zip(&new)) {
                assert_eq!(place.index, position(&all, entry), "{fuse:?}");
            }
            if let Ok(places) = outcome {
                for (place, entry) in places.iter().zip(&new) {
                    assert_eq!(place.index, position(&all, entry), "{fuse:?}");
                }
            }
        }
    }
}

#[test]
fn a_crash_or_a_lost_answer_at_any_change() {
    for (size, more) in [(0, 1), (254, 1), (255, 1), (256, 1)] {
        crash_everywhere(size, more);
    }
}

#[test]
fn a_crash_or_a_lost_answer_at_any_change_of_a_batch_across_tiles() {
    crash_everywhere(250, 270);
}

#[test]
fn a_crash_or_a_lost_answer_at_any_change_of_making_a_log() {
    let (bucket, changes) = Memory::default().with(1, Fuse::Never, Honest::Yes);
    drop(Log::create(bucket, &origin(), &key(111)).unwrap());
    let changes = *changes.lock().unwrap();
    for at in 0..changes {
        for fuse in [Fuse::Before(at), Fuse::After(at), Fuse::Lost(at)] {
            let memory = Memory::default();
            let watched = Watched::new();
            drop(Log::create(memory.handle(1, fuse), &origin(), &watched));
            if Log::open(memory.handle(2, Fuse::Never)).is_err() {
                Log::create(memory.handle(2, Fuse::Never), &origin(), &watched).unwrap();
            }
            let mut log = Log::open(memory.handle(2, Fuse::Never)).unwrap();
            log.append(&watched, &entries("first", 1)).unwrap();
            assert_eq!(is_whole(&memory, &watched), entries("first", 1));
        }
    }
}

/// Runs two writers, each with its batches, in the order that `schedule` says; both must succeed.
fn interleave(
    memory: &Memory,
    schedule: &[(usize, usize)],
    batches: [&[&[Vec<u8>]]; 2],
) -> [usize; 2] {
    interleave_on(memory, Honest::Yes, schedule, batches)
}

fn interleave_on(
    memory: &Memory,
    honest: Honest,
    schedule: &[(usize, usize)],
    batches: [&[&[Vec<u8>]]; 2],
) -> [usize; 2] {
    let memory = memory.copy();
    memory.turns.0.lock().unwrap().schedule = schedule.iter().copied().collect();
    let watched = Watched::new();
    let write = |who: usize| {
        let _ends = Ends(memory.clone(), who);
        let (bucket, _) = memory.with(who, Fuse::Never, honest);
        let mut log = Log::open(bucket).unwrap();
        let mut places = Vec::new();
        for batch in batches[who] {
            let answer = log.append(&watched, batch).unwrap();
            for (place, entry) in answer.iter().zip(*batch) {
                log.receipt(place.index, leaf_hash(entry)).unwrap();
                places.push((place.index, entry.clone()));
            }
        }
        places
    };
    let places = std::thread::scope(|scope| {
        let writers = [scope.spawn(|| write(0)), scope.spawn(|| write(1))];
        writers.map(|writer| writer.join().expect("no writer fails"))
    });
    let all = is_whole(&memory, &watched);
    for (index, entry) in places.iter().flatten() {
        assert_eq!(*index, position(&all, entry), "{schedule:?}");
    }
    let counts = &memory.turns.0.lock().unwrap().counts;
    [0, 1].map(|who| counts.get(&who).copied().unwrap_or(0))
}

const ALL: usize = usize::MAX;

#[test]
fn two_writers_at_every_pair_of_steps() {
    let (memory, _) = base(0);
    let common = entries("common", 1);
    let one = [entries("one", 2), common.clone()].concat();
    let two = [common, entries("two", 1)].concat();
    let batches: [&[&[Vec<u8>]]; 2] = [&[&one], &[&two]];
    let [steps, _] = interleave(&memory, &[(0, ALL), (1, ALL)], batches);
    assert!(steps > 15, "{steps}");
    for first in 0..=steps {
        for second in 1..=steps {
            let schedule = [(0, first), (1, second), (0, ALL), (1, ALL)];
            interleave(&memory, &schedule, batches);
        }
    }
}

#[test]
fn without_conditions_these_tests_would_see_it() {
    let (memory, _) = base(0);
    let (one, two) = (entries("one", 2), entries("two", 1));
    let batches: [&[&[Vec<u8>]]; 2] = [&[&one], &[&two]];
    let seen = (0..40).filter(|first| {
        let schedule = [(0, *first), (1, ALL), (0, ALL)];
        let run = || interleave_on(&memory, Honest::WhenWatched, &schedule, batches);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    // Between reading what is decided and deciding.
    assert!(seen.count() > 0);
}

#[test]
fn a_writer_that_was_asleep_while_another_filled_tiles() {
    for size in [0, 254] {
        let (memory, _) = base(size);
        let one = entries("one", 2);
        let two = entries("two", 300);
        let batches: [&[&[Vec<u8>]]; 2] = [&[&one], &[&two[..1], &two[1..3], &two[3..]]];
        let [steps, _] = interleave(&memory, &[(0, ALL), (1, ALL)], batches);
        for first in 0..=steps {
            interleave(&memory, &[(0, first), (1, ALL), (0, ALL)], batches);
        }
    }
}

#[test]
fn nobody_comes_between_a_condition_and_what_is_added() {
    let (base, _) = base(0);
    let mut step = 0;
    loop {
        let memory = base.copy();
        memory.turns.0.lock().unwrap().schedule = [(0, step), (1, ALL), (0, ALL)].into();
        let watched = Watched::new();
        let write = |who: usize| {
            let _ends = Ends(memory.clone(), who);
            let mut log = Log::open(memory.handle(who, Fuse::Never)).unwrap();
            let mine = entries(["one", "two"][who], 1);
            // Only the first entry of all is wanted.
            log.append_when(&watched, &mine, |log| match log.size() {
                0 => Ok(()),
                size => Err(LogError::NoEntry { index: 0, size }),
            })
            .is_ok()
        };
        let wrote = std::thread::scope(|scope| {
            let writers = [scope.spawn(|| write(0)), scope.spawn(|| write(1))];
            writers.map(|writer| writer.join().unwrap())
        });
        assert_eq!(wrote.iter().filter(|wrote| **wrote).count(), 1, "{step}");
        assert_eq!(is_whole(&memory, &watched).len(), 1);
        let steps = memory.turns.0.lock().unwrap().counts[&0];
        if step > steps {
            break;
        }
        step += 1;
    }
    assert!(step > 8, "{step}");
}

#[test]
fn two_who_make_the_same_log_make_one() {
    let mut step = 0;
    loop {
        let memory = Memory::default();
        memory.turns.0.lock().unwrap().schedule = [(0, step), (1, ALL), (0, ALL)].into();
        let watched = Watched::new();
        let make = |who: usize| {
            let _ends = Ends(memory.clone(), who);
            let bucket = memory.handle(who, Fuse::Never);
            Log::create(bucket, &origin(), &watched).map(drop)
        };
        let made = std::thread::scope(|scope| {
            let makers = [scope.spawn(|| make(0)), scope.spawn(|| make(1))];
            makers.map(|maker| maker.join().unwrap())
        });
        assert!(made.iter().any(Result::is_ok));
        for refused in made.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, LogError::Exists(..)), "{refused}");
        }
        assert!(is_whole(&memory, &watched).is_empty());
        let steps = memory.turns.0.lock().unwrap().counts[&0];
        if step > steps {
            break;
        }
        step += 1;
    }
    assert!(step > 8, "{step}");
}

#[test]
fn two_keys_cannot_make_one_log() {
    let memory = Memory::default();
    Log::create(memory.handle(1, Fuse::Never), &origin(), &key(111)).unwrap();
    let other = Log::create(memory.handle(1, Fuse::Never), &origin(), &key(9));
    assert!(matches!(other, Err(LogError::Exists(..))));
}

#[test]
fn a_store_that_ignores_conditions_is_not_written_to() {
    for honest in [Honest::NoIfNoneMatch, Honest::NoIfMatch] {
        let empty = Memory::default();
        let (bucket, _) = empty.with(1, Fuse::Never, honest);
        let made = Log::create(bucket, &origin(), &key(111));
        assert!(matches!(made, Err(LogError::Unfit(_))));
        let (memory, _) = base(3);
        let before = memory.objects.lock().unwrap().clone();
        let (bucket, _) = memory.with(1, Fuse::Never, honest);
        let mut log = Log::open(bucket).unwrap();
        let refused = log.append(&key(111), &entries("new", 1));
        assert!(matches!(refused, Err(LogError::Unfit(_))));
        assert_eq!(*memory.objects.lock().unwrap(), before);
    }
}

#[test]
fn a_memory_that_was_set_back_is_noticed_by_what_the_log_holds() {
    // All of the operator's own objects and the checkpoint are older than the tiles.
    let (memory, _) = base(3);
    let old = memory.copy();
    let mut log = Log::open(memory.handle(1, Fuse::Never)).unwrap();
    log.append(&key(111), &entries("new", 2)).unwrap();
    for path in ["checkpoint", ".state/signed", ".state/pending"] {
        let bytes = old.objects.lock().unwrap()[path].clone();
        memory.put(path, &bytes);
    }
    let mut log = Log::open(memory.handle(1, Fuse::Never)).unwrap();
    let refused = log.append(&key(111), &entries("other", 2));
    assert!(
        matches!(&refused, Err(LogError::Overwrites(path)) if path == "tile/entries/000.p/5"),
        "{refused:?}"
    );
}

#[test]
fn signatures_that_come_later_are_added_to_what_is_there() {
    let (memory, _) = base(3);
    let line = |name: &str| NoteSignature {
        name: crate::support::log::name(name),
        id: [1, 2, 3, 4],
        bytes: vec![7; 72],
    };
    let mut logs = ["a.example", "b.example"].map(|witness| {
        let log = Log::open(memory.handle(1, Fuse::Never)).unwrap();
        (log, witness)
    });
    for (log, witness) in &mut logs {
        let mut note = log.note().clone();
        note.add(line(witness));
        log.restate(&note).unwrap();
    }
    let log = Log::open(memory.handle(1, Fuse::Never)).unwrap();
    assert_eq!(log.note().signatures().len(), 3);
    assert_eq!(log.kept(3).unwrap().as_ref(), Some(log.note()));
    // Later ones stay alone, and the larger checkpoint is not touched.
    let mut newer = Log::open(memory.handle(1, Fuse::Never)).unwrap();
    newer.append(&key(111), &entries("new", 1)).unwrap();
    let (old, _) = &mut logs[0];
    let mut note = old.note().clone();
    note.add(line("c.example"));
    old.restate(&note).unwrap();
    let log = Log::open(memory.handle(1, Fuse::Never)).unwrap();
    assert_eq!((log.size(), log.note().signatures().len()), (4, 1));
    assert_eq!(log.kept(3).unwrap().unwrap().signatures().len(), 4);
    assert!(log.check(&log.keys().unwrap()).unwrap().faults.is_empty());
}
