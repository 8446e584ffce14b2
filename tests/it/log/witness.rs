//! What a witness answers, and that it never cosigns two histories, whatever happens in between.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::ErrorKind;

use karat::key::{PublicKey, Signature, Signer, SignerError, SigningKey};
use karat::log::{AddCheckpoint, KnownLog, Refusal, Witness};
use karat::tlog::{Checkpoint, ConsistencyProof, Lines, Note, NoteKey, PolicyLog, ProofError};

use super::crash::origin;
use super::disk::{Fuse, Left, MemoryDisk};
use crate::keys::fixture::{document, key, root};
use crate::support::log::{MemoryTree, checkpoint, name};

/// A key that remembers what it cosigned: what may have got out.
#[derive(Debug)]
struct Remembering {
    key: SigningKey,
    signed: RefCell<BTreeMap<u64, String>>,
}

impl Remembering {
    fn new() -> Self {
        Self {
            key: key(77),
            signed: RefCell::default(),
        }
    }
}

impl Signer for Remembering {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let text = std::str::from_utf8(message).unwrap();
        let text = text.splitn(3, '\n').nth(2).unwrap().to_owned();
        let size = Checkpoint::parse(&text).unwrap().head.size;
        let mut signed = self.signed.borrow_mut();
        let largest = signed.keys().next_back().copied().unwrap_or_default();
        assert!(size >= largest, "{size} after {largest}");
        let before = signed.insert(size, text.clone());
        assert!(before.is_none_or(|it| it == text), "two trees of {size}");
        self.key.sign(message)
    }
}

fn known() -> Vec<KnownLog> {
    let listed = |name: &str, seed| PolicyLog {
        key: NoteKey::ed25519(crate::support::log::name(name), key(seed).public_key()),
        url: None,
    };
    // A log that had another key before.
    let logs = [
        listed("example.com/log", 110),
        listed("example.com/log", 111),
        listed("example.com/other", 112),
    ];
    KnownLog::listed(&logs)
}

fn witness<'a>(disk: &'a MemoryDisk, signer: &'a dyn Signer) -> Witness<'a, &'a MemoryDisk> {
    Witness::open(disk, name("w.example"), signer, known()).unwrap()
}

fn tree(history: &str, size: u64) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for number in 0..size {
        // Histories differ from their fourth entry on.
        let history = if number < 3 { "" } else { history };
        tree.push(format!("{history}{number}").as_bytes());
    }
    tree
}

fn signed(history: &str, size: u64) -> Note {
    let mut note = checkpoint("example.com/log", &tree(history, size));
    note.sign(&origin(), &key(111)).unwrap();
    note
}

fn request(history: &str, old: u64, new: u64) -> Vec<u8> {
    let proof = if old <= new {
        tree(history, new).consistency(old, new)
    } else {
        ConsistencyProof { hashes: Vec::new() }
    };
    let request = AddCheckpoint {
        old,
        proof,
        checkpoint: signed(history, new),
    };
    request.to_bytes()
}

const TIME: u64 = 1_700_000_000;

#[test]
fn a_log_that_grows_is_cosigned() {
    let (disk, signer) = (MemoryDisk::default(), Remembering::new());
    let witness = witness(&disk, &signer);
    let hex = karat::digest::Digest::of(b"example.com/log").to_string();
    assert_eq!(witness.checkpoint(&hex).unwrap(), None);
    for (old, new) in [(0, 0), (0, 3), (3, 4), (4, 4), (4, 300), (300, 513)] {
        let answer = witness
            .add_checkpoint(&request("", old, new), TIME)
            .unwrap();
        assert_eq!(answer.extends.new_head().size, new);
        // The line alone, put behind the checkpoint, is its cosignature.
        let note = [signed("", new).to_bytes(), answer.line].concat();
        let note = Note::parse(&note).unwrap();
        let lines = Lines::of(&note, [witness.key()]).unwrap();
        let quorum = lines.count(&lines.keys(), 1).unwrap();
        assert_eq!(lines.signers(&quorum)[0].time, TIME);
        // Monitors get it with the log's signature.
        let shown = witness.checkpoint(&hex).unwrap().unwrap();
        assert_eq!(shown.to_bytes(), note.to_bytes(), "{new}");
    }
    assert_eq!(
        witness.logs().unwrap(),
        [
            ("example.com/log".to_owned(), 513),
            ("example.com/other".to_owned(), 0)
        ]
    );
    // Other names in that place lead nowhere.
    for name in ["..", "seen", "", "../x", &hex.to_uppercase()] {
        assert_eq!(witness.checkpoint(name).unwrap(), None, "{name}");
    }
}

#[test]
fn each_refusal_has_its_status() {
    let (disk, signer) = (MemoryDisk::default(), Remembering::new());
    let witness = witness(&disk, &signer);
    witness.add_checkpoint(&request("", 0, 7), TIME).unwrap();
    let files = disk.files();
    let with = |old: u64, hashes: usize, note: &Note| {
        let mut request = AddCheckpoint::parse(&request("", 7, 20)).unwrap();
        request.old = old;
        request.proof.hashes.truncate(hashes);
        request.checkpoint = note.clone();
        request.to_bytes()
    };
    let unsigned = {
        let mut note = checkpoint("example.com/log", &tree("", 20));
        note.sign(&origin(), &key(5)).unwrap();
        note
    };
    let elsewhere = {
        let mut note = checkpoint("example.com/log", &tree("", 20));
        // The other log's key, under its own name.
        note.sign(&name("example.com/other"), &key(112)).unwrap();
        note
    };
    let tampered = {
        let mut note = signed("", 20);
        let mut line = signed("x", 20).signatures()[0].clone();
        line.bytes[3] ^= 1;
        note.add(line);
        note
    };
    let stranger = {
        let mut note = checkpoint("example.com/unknown", &tree("", 20));
        note.sign(&name("example.com/unknown"), &key(111)).unwrap();
        note
    };
    let hollow = {
        let text = "example.com/log\n0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let mut note = Note::new(text.to_owned());
        note.sign(&origin(), &key(111)).unwrap();
        note
    };
    let odd = {
        let mut note = Note::new("example.com/log\n007\nx\n".to_owned());
        note.sign(&origin(), &key(111)).unwrap();
        note
    };
    for (what, body, status) in [
        ("nothing", Vec::new(), 400),
        ("no request", b"old x\n\nx".to_vec(), 400),
        ("backwards", request("", 8, 7), 400),
        ("no checkpoint", with(7, 9, &odd), 400),
        ("unsigned", with(7, 9, &unsigned), 403),
        ("signed by another log", with(7, 9, &elsewhere), 403),
        ("a bad line beside a good one", with(7, 9, &tampered), 403),
        ("unknown", with(7, 9, &stranger), 404),
        ("from 0", request("", 0, 20), 409),
        ("from 8", request("", 8, 20), 409),
        ("from before", request("", 3, 7), 409),
        ("another root of the same size", request("x", 7, 7), 422),
        ("another history", request("x", 7, 20), 422),
        ("no proof", with(7, 0, &signed("", 20)), 422),
        ("half a proof", with(7, 1, &signed("", 20)), 422),
        ("an empty tree with a root", with(0, 0, &hollow), 422),
    ] {
        let refusal = witness.add_checkpoint(&body, TIME).unwrap_err();
        assert_eq!(refusal.status(), status, "{what}: {refusal}");
        if let Refusal::Conflict(size) = refusal {
            assert_eq!(size, 7, "{what}");
        }
    }
    assert_eq!(disk.files(), files, "nothing of it is remembered");
    let clock = witness.add_checkpoint(&request("", 7, 20), 0).unwrap_err();
    assert!(matches!(clock, Refusal::Clock));
    witness.add_checkpoint(&request("", 7, 20), TIME).unwrap();
}

#[test]
fn a_proof_where_none_is_needed_is_refused() {
    let (disk, signer) = (MemoryDisk::default(), Remembering::new());
    let witness = witness(&disk, &signer);
    let with_proof = |old, new| {
        let mut request = AddCheckpoint::parse(&request("", old, new)).unwrap();
        request.proof = tree("", 9).consistency(3, 9);
        request.to_bytes()
    };
    let refusal = witness.add_checkpoint(&with_proof(0, 7), TIME).unwrap_err();
    assert!(matches!(
        refusal,
        Refusal::Inconsistent {
            error: ProofError::Length(_),
            evidence: None
        }
    ));
    witness.add_checkpoint(&request("", 0, 7), TIME).unwrap();
    let refusal = witness.add_checkpoint(&with_proof(7, 7), TIME).unwrap_err();
    assert_eq!(refusal.status(), 422);
}

#[test]
fn two_roots_of_one_size_are_kept_as_evidence() {
    let (disk, signer) = (MemoryDisk::default(), Remembering::new());
    let witness = witness(&disk, &signer);
    witness.add_checkpoint(&request("", 0, 7), TIME).unwrap();
    let refusal = witness.add_checkpoint(&request("x", 7, 7), TIME);
    let Err(Refusal::Inconsistent {
        evidence: Some(evidence),
        ..
    }) = refusal
    else {
        panic!("{refusal:?}");
    };
    let vkey = NoteKey::ed25519(origin(), key(111).public_key());
    let fork = evidence.check(&[vkey]).unwrap();
    assert_eq!((fork.smaller().size, fork.larger().size), (7, 7));
    let file = witness.keep(&evidence).unwrap();
    assert_eq!(disk.files()[&file], evidence.to_bytes());
}

#[test]
fn a_trust_root_says_which_keys_of_a_log_count() {
    let (disk, signer) = (MemoryDisk::default(), Remembering::new());
    let root = root(&document(1));
    let log = KnownLog::of(&root).unwrap();
    assert_eq!(log.origin(), "example.com/log");
    let witness = Witness::open(&disk, name("w.example"), &signer, [log]).unwrap();
    let role = root.role(karat::key::Role::Log).unwrap();
    let own = (0..=255)
        .map(key)
        .find(|key| role.keys[0].key == key.public_key())
        .unwrap();
    let log_name = name(role.keys[0].name.as_deref().unwrap());
    let mut note = checkpoint("example.com/log", &tree("", 5));
    note.sign(&log_name, &own).unwrap();
    let body = |note: &Note| {
        let proof = ConsistencyProof { hashes: Vec::new() };
        AddCheckpoint {
            old: 0,
            proof,
            checkpoint: note.clone(),
        }
        .to_bytes()
    };
    let answer = witness.add_checkpoint(&body(&note), TIME).unwrap();
    // Lines of strangers are not kept.
    assert_eq!(answer.note.signatures().len(), 2);
    let mut stranger = checkpoint("example.com/log", &tree("", 5));
    stranger.sign(&log_name, &key(201)).unwrap();
    let refusal = witness.add_checkpoint(&body(&stranger), TIME).unwrap_err();
    assert_eq!(refusal.status(), 403);
}

#[test]
fn the_power_goes_at_each_operation_and_nothing_is_cosigned_twice() {
    let (before, signer) = (MemoryDisk::default(), Remembering::new());
    witness(&before, &signer)
        .add_checkpoint(&request("", 0, 5), TIME)
        .unwrap();
    let first = before.operations.get();
    let operations = {
        let disk = before.restart(Left::All);
        let signer = Remembering::new();
        witness(&disk, &signer)
            .add_checkpoint(&request("", 5, 9), TIME)
            .unwrap();
        disk.operations.get()
    };
    assert!(
        operations >= 8 && first >= operations,
        "{operations} after {first}"
    );
    for at in 0..=operations {
        for left in [
            Left::Nothing,
            Left::All,
            Left::Torn,
            Left::Some(1),
            Left::Some(2),
            Left::Some(3),
        ] {
            let disk = before.restart(Left::All);
            disk.fuse.set(Fuse::Crash(at));
            let signer = Remembering::new();
            let answer = witness(&disk, &signer).add_checkpoint(&request("", 5, 9), TIME);
            assert_eq!(answer.is_ok(), at == operations, "{at}");
            let answered = answer.is_ok();
            let disk = disk.restart(left);
            let witness = witness(&disk, &signer);
            // Another history of the size that may have been cosigned, from wherever it likes.
            let size = witness.logs().unwrap()[0].1;
            assert!(size == 9 || size == 5 && !answered, "{at} {left:?}: {size}");
            let other = witness.add_checkpoint(&request("x", size, 9), TIME);
            let has_signed = signer.signed.borrow().contains_key(&9);
            if has_signed {
                assert!(other.is_err(), "{at} {left:?}");
            }
            // The honest log goes on wherever the other one did not come first.
            let size = witness.logs().unwrap()[0].1;
            let honest = witness.add_checkpoint(&request("", size, 12), TIME);
            assert!(honest.is_ok() || other.is_ok(), "{at} {left:?}: {honest:?}");
            // Never back.
            let older = witness.add_checkpoint(&request("", 5, 7), TIME);
            assert!(matches!(older, Err(Refusal::Conflict(_))), "{at} {left:?}");
        }
    }
}

#[test]
fn each_operation_fails_once_and_asking_again_helps() {
    let (before, signer) = (MemoryDisk::default(), Remembering::new());
    witness(&before, &signer)
        .add_checkpoint(&request("", 0, 5), TIME)
        .unwrap();
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for at in 0.. {
            let disk = before.restart(Left::All);
            disk.fuse.set(Fuse::Once(at, kind));
            let signer = Remembering::new();
            let witness = witness(&disk, &signer);
            let answer = witness.add_checkpoint(&request("", 5, 9), TIME);
            if answer.is_ok() {
                assert!(at >= 8, "{at} operations only");
                break;
            }
            assert_eq!(answer.unwrap_err().status(), 500);
            let size = witness.logs().unwrap()[0].1;
            let again = witness.add_checkpoint(&request("", size, 9), TIME);
            assert!(again.is_ok(), "{at}: {again:?}");
        }
    }
}

#[test]
fn what_it_remembers_is_not_guessed() {
    let (disk, signer) = (MemoryDisk::default(), Remembering::new());
    witness(&disk, &signer)
        .add_checkpoint(&request("", 0, 7), TIME)
        .unwrap();
    let hex = karat::digest::Digest::of(b"example.com/log").to_string();
    let seen = format!("{hex}/seen");
    let fails = |disk: &MemoryDisk| {
        let opened = Witness::open(disk, name("w.example"), &signer, known());
        opened.err().map(|error| error.to_string())
    };
    for (bytes, says) in [
        (&b""[..], "signed note"),
        (b"example.com/log\n", "signed note"),
        (&signed("x", 7).to_bytes(), "two roots of 7 entries"),
        (
            &{
                let mut note = checkpoint("example.com/other", &tree("", 9));
                note.sign(&name("example.com/other"), &key(112)).unwrap();
                note.to_bytes()
            },
            "of another log",
        ),
    ] {
        let copy = disk.restart(Left::All);
        copy.put(&seen, bytes);
        let error = fails(&copy).expect("refused");
        assert!(error.contains(says), "{error}");
    }
    // One of the two is enough.
    for name in ["seen", "checkpoint"] {
        let copy = disk.restart(Left::All);
        copy.take(&format!("{hex}/{name}"));
        assert_eq!(witness(&copy, &signer).logs().unwrap()[0].1, 7);
    }
}
