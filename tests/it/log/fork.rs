//! Two histories of one log: what finds them, and what proves them to whoever has the log's keys.

use karat::key::Signer as _;
use karat::log::{ForkError, ForkEvidence, Log, View};
use karat::tlog::{Note, NoteError, NoteKey, ProofError, UntrustedCheckpoint};

use super::crash::{entries, origin};
use super::disk::MemoryDisk;
use crate::keys::fixture::key;
use crate::support::log::{MemoryTree, checkpoint, name};

fn vkey() -> NoteKey {
    NoteKey::ed25519(origin(), key(111).public_key())
}

/// A log of these entries, the one at `odd` being another.
fn log(size: usize, odd: Option<usize>) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let mut log = Log::create(&disk, &origin(), &key(111)).unwrap();
    let mut all = entries("entry", size);
    if let Some(odd) = odd {
        all[odd] = b"another".to_vec();
    }
    log.append(&key(111), &all).unwrap();
    drop(log);
    disk
}

fn note(disk: &MemoryDisk) -> Note {
    Log::open(disk).unwrap().note().clone()
}

fn forked(view: View) -> ForkEvidence {
    match view {
        View::Forked(evidence) => *evidence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_entry_anywhere_is_found_and_proven() {
    for (small, large) in [
        (1, 1),
        (1, 2),
        (2, 2),
        (3, 8),
        (8, 9),
        (255, 257),
        (256, 257),
        (256, 600),
        (300, 300),
    ] {
        for odd in [0, small / 2, small - 1] {
            let (honest, other) = (log(large, None), log(small, Some(odd)));
            let (theirs, ours) = (Log::open(&honest).unwrap(), Log::open(&other).unwrap());
            let what = format!("{small} and {large} entries, entry {odd}");
            let evidence = forked(theirs.compare(ours.note()).unwrap());
            let file = evidence.to_bytes();
            assert_eq!(ForkEvidence::parse(&file).unwrap(), evidence, "{what}");
            let fork = evidence.check(&[vkey()]).unwrap();
            assert_eq!(fork.origin(), "example.com/log");
            assert_eq!(
                (fork.smaller().size, fork.larger().size),
                (small as u64, large as u64),
                "{what}"
            );
            assert_ne!(fork.smaller().root, fork.larger().root);
            let odd = Some(odd as u64);
            assert_eq!(theirs.first_difference(&ours).unwrap(), odd, "{what}");
            assert_eq!(ours.first_difference(&theirs).unwrap(), odd, "{what}");
            if small < large {
                let later = View::Ahead(large as u64);
                assert_eq!(ours.compare(theirs.note()).unwrap(), later, "{what}");
            }
        }
    }
}

#[test]
fn both_finders_of_one_size_write_the_same_file() {
    let (one, other) = (log(7, None), log(7, Some(3)));
    let found = forked(Log::open(&one).unwrap().compare(&note(&other)).unwrap());
    let again = forked(Log::open(&other).unwrap().compare(&note(&one)).unwrap());
    assert_eq!(found, again);
    assert_eq!(found.file_name(), again.file_name());
    assert!(found.file_name().ends_with(".fork"));
}

#[test]
fn what_only_grew_is_no_fork() {
    let (small, large) = (log(300, None), log(513, None));
    let (ours, theirs) = (Log::open(&large).unwrap(), Log::open(&small).unwrap());
    assert_eq!(ours.compare(ours.note()).unwrap(), View::Same);
    assert!(matches!(
        ours.compare(theirs.note()).unwrap(),
        View::Behind(extends) if extends.old().size == 300
    ));
    assert_eq!(ours.first_difference(&theirs).unwrap(), None);
    let elsewhere = checkpoint("example.com/other", &MemoryTree::of_numbers(3));
    assert_eq!(
        ours.compare(&elsewhere).unwrap(),
        View::OtherLog("example.com/other".to_owned())
    );
}

/// The file of a prefix of `size` of a tree of numbers, with the root that somebody claims for it.
fn file(claimed: &str, proof: &[String], smaller: &Note, larger: &Note) -> Vec<u8> {
    let proof: String = proof.iter().map(|line| format!("{line}\n")).collect();
    let head = format!("karat-fork/1\nroot {claimed}\n{proof}\n");
    [
        head.as_bytes(),
        &smaller.to_bytes(),
        b"\n",
        &larger.to_bytes(),
    ]
    .concat()
}

#[test]
fn an_honest_log_cannot_be_accused() {
    use base64::Engine as _;
    let base64 = |digest: &karat::digest::Digest| {
        base64::engine::general_purpose::STANDARD.encode(digest.as_bytes())
    };
    let signed = |size: u64| {
        let tree = MemoryTree::of_numbers(size);
        let mut note = checkpoint("example.com/log", &tree);
        note.sign(&origin(), &key(111)).unwrap();
        (tree, note)
    };
    let stranger = base64(&karat::digest::Digest::of(b"anything"));
    for (old, new) in [(1, 2), (2, 3), (4, 7), (3, 8), (6, 7), (8, 9), (7, 64)] {
        let ((small, smaller), (large, larger)) = (signed(old), signed(new));
        let proof = large.consistency(old, new).hashes;
        let proof: Vec<String> = proof.iter().map(&base64).collect();
        let truth = base64(&small.frontier.head().root);
        let check = |bytes: &[u8]| ForkEvidence::parse(bytes).unwrap().check(&[vkey()]);
        // The true prefix: both agree.
        let honest = file(&truth, &proof, &smaller, &larger);
        assert_eq!(check(&honest), Err(ForkError::Agree), "{old} {new}");
        // Another root, another hash, one less, one more.
        let lies = file(&stranger, &proof, &smaller, &larger);
        assert_eq!(check(&lies), Err(ProofError::Root.into()), "{old} {new}");
        for at in 0..proof.len() {
            let mut changed = proof.clone();
            changed[at].clone_from(&stranger);
            let lies = file(&truth, &changed, &smaller, &larger);
            assert_eq!(check(&lies), Err(ProofError::Root.into()), "{old} {new}");
            let short = file(&truth, &proof[..at], &smaller, &larger);
            assert!(matches!(check(&short), Err(ForkError::Proof(_))));
        }
        let long = [proof.clone(), vec![stranger.clone()]].concat();
        let long = file(&truth, &long, &smaller, &larger);
        assert!(matches!(check(&long), Err(ForkError::Proof(_))));
        // The larger one first; the same one twice; no proof at all.
        let turned = file(&truth, &proof, &larger, &smaller);
        assert_eq!(check(&turned), Err(ForkError::Form));
        let same = file(&truth, &[], &smaller, &smaller);
        assert_eq!(check(&same), Err(ForkError::Form));
        let bare = [
            b"karat-fork/1\n\n",
            &smaller.to_bytes()[..],
            b"\n",
            &larger.to_bytes(),
        ];
        assert_eq!(check(&bare.concat()), Err(ForkError::Form));
        let bare = [
            b"karat-fork/1\n\n",
            &smaller.to_bytes()[..],
            b"\n",
            &smaller.to_bytes(),
        ];
        assert_eq!(check(&bare.concat()), Err(ForkError::Agree));
    }
}

#[test]
fn the_log_itself_must_have_signed_both() {
    let (one, other) = (log(7, None), log(7, Some(3)));
    let evidence = forked(Log::open(&one).unwrap().compare(&note(&other)).unwrap());
    let check = |keys: &[NoteKey]| evidence.check(keys);
    let not_signed = |answer| matches!(answer, Err(ForkError::NotSigned(_)));
    assert!(not_signed(check(&[])));
    let stranger = NoteKey::ed25519(origin(), key(5).public_key());
    assert!(not_signed(check(std::slice::from_ref(&stranger))));
    assert!(check(&[stranger, vkey()]).is_ok());
    // The key under another name is the key of another log.
    let elsewhere = NoteKey::ed25519(name("example.com/other"), key(111).public_key());
    assert!(not_signed(check(&[elsewhere])));
    // A witness says nothing about who signed.
    let witness = NoteKey::cosigner(origin(), key(111).public_key());
    assert!(not_signed(check(&[witness])));
    // A key that also signs for another log, and one checkpoint of either.
    let mut theirs = checkpoint("example.com/other", &MemoryTree::of_numbers(7));
    theirs.sign(&name("example.com/other"), &key(111)).unwrap();
    let file = [
        b"karat-fork/1\n\n",
        &note(&one).to_bytes()[..],
        b"\n",
        &theirs.to_bytes(),
    ];
    let mixed = ForkEvidence::parse(&file.concat()).unwrap();
    let both = [
        vkey(),
        NoteKey::ed25519(name("example.com/other"), key(111).public_key()),
    ];
    let (a, b) = ("example.com/log".to_owned(), "example.com/other".to_owned());
    assert_eq!(mixed.check(&both), Err(ForkError::Origins(a, b)));
    // Changed after it was signed.
    let text = String::from_utf8(evidence.to_bytes()).unwrap();
    let changed = text.replacen("\n7\n", "\n6\n", 1);
    let changed = ForkEvidence::parse(changed.as_bytes()).unwrap();
    assert!(matches!(
        changed.check(&[vkey()]),
        Err(ForkError::NotSigned(UntrustedCheckpoint::BadSignature(_)))
    ));
}

#[test]
fn files_have_one_spelling() {
    let (one, other) = (log(9, None), log(3, Some(1)));
    let evidence = forked(Log::open(&one).unwrap().compare(&note(&other)).unwrap());
    let text = String::from_utf8(evidence.to_bytes()).unwrap();
    let hash = text.lines().nth(2).unwrap().to_owned();
    let many = text.replacen(&hash, format!("{hash}\n").repeat(65).trim_end(), 1);
    for (bytes, error) in [
        (String::new(), ForkError::Header),
        (text.replacen("/1", "/2", 1), ForkError::Header),
        (text.replacen("/1", "/1 ", 1), ForkError::Header),
        (text.replacen("root ", "Root ", 1), ForkError::Form),
        (text.replacen("root ", "root  ", 1), ForkError::Form),
        (format!("{text}\n"), ForkError::Form),
        (format!("{text}\n\n"), ForkError::Form),
        (text.replacen(&hash, &hash[1..], 1), ForkError::Hash(0)),
        (many, ForkError::Hash(64)),
        (
            "karat-fork/1\n\na\n\nb\n\nc\n\nd\n".to_owned(),
            NoteError::Signature(1).into(),
        ),
        ("karat-fork/1\n\na\n".to_owned(), ForkError::Form),
    ] {
        assert_eq!(ForkEvidence::parse(bytes.as_bytes()), Err(error), "{bytes}");
    }
    let large = vec![b'a'; usize::try_from(karat::limits::FORK_MAX).unwrap() + 1];
    assert_eq!(ForkEvidence::parse(&large), Err(ForkError::TooLarge));
    let bad = [&b"karat-fork/1\n\xff"[..], b"\n\n"].concat();
    assert_eq!(ForkEvidence::parse(&bad), Err(NoteError::Text.into()));
    for end in 0..text.len() {
        assert!(
            ForkEvidence::parse(&text.as_bytes()[..end]).is_err(),
            "{end} bytes"
        );
    }
}

#[test]
fn the_documented_examples_are_evidence() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats/log.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples: Vec<&str> = page
        .split("```text\n")
        .filter(|block| block.starts_with("karat-fork/1\n"))
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let (one, other) = (log(7, None), log(7, Some(3)));
    let same_size = forked(Log::open(&one).unwrap().compare(&note(&other)).unwrap());
    let (large, small) = (log(9, None), log(3, Some(1)));
    let grown = forked(Log::open(&large).unwrap().compare(&note(&small)).unwrap());
    for (example, evidence) in examples.iter().zip([same_size, grown]) {
        let made = String::from_utf8(evidence.to_bytes()).unwrap();
        assert_eq!(*example, made);
        let read = ForkEvidence::parse(example.as_bytes()).unwrap();
        assert!(read.check(&[vkey()]).is_ok());
    }
    assert_eq!(examples.len(), 2);
}
