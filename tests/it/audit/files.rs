//! The log's own files: changed, missing, set back, forked, witnessed.

use std::fs;

use karat::digest::Digest;
use karat::key::Role;
use karat::key::Signer as _;
use karat::log::ForkEvidence;
use karat::ops::audit::{Code, Independence, Since, Verdict};
use karat::tlog::{Checkpoint, Note, NoteKey, NoteName, TreeHead};

use super::history::{History, LOG, ORIGIN, WITNESS, add, end, found};
use crate::keys::fixture::{key, role, root_file};

fn grown(name: &str) -> History {
    let mut log = History::new(name);
    for serial in 1..=5 {
        log.release("web", serial, &[1]);
    }
    log
}

/// What somebody does to the bytes of a file.
type Change = fn(&mut Vec<u8>);

fn name() -> NoteName {
    NoteName::parse(ORIGIN).unwrap()
}

/// A checkpoint of any root, signed by the log's key.
fn forged(size: u64, root: &[u8], seed: u8) -> Note {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        head: TreeHead {
            size,
            root: Digest::of(root),
        },
        extensions: Vec::new(),
    };
    let mut note = Note::new(checkpoint.to_text());
    note.sign(&name(), &key(seed)).unwrap();
    note
}

#[test]
fn a_fork_among_the_kept_checkpoints_comes_with_evidence() {
    let log = grown("audit-fork");
    fs::write(
        log.path("log/checkpoints/3"),
        forged(3, b"other", LOG).to_bytes(),
    )
    .unwrap();
    let evidence = log.path("evidence");
    let report = log.audit_with(|it| it.evidence = Some(evidence.clone()));
    assert_eq!(found(&report), [(Code::Fork, None)]);
    assert_eq!(report.verdict, Verdict::Untrusted);
    assert_eq!(report.findings[0].subject, "checkpoints/3");
    let files: Vec<_> = fs::read_dir(&evidence)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    let proof = ForkEvidence::parse(&fs::read(&files[0]).unwrap()).unwrap();
    let vkey = NoteKey::ed25519(name(), key(LOG).public_key());
    let fork = proof.check(&[vkey]).unwrap();
    assert_eq!((fork.smaller().size, fork.larger().size), (3, 6));
    // Nobody can acknowledge it away.
    let known = log.path("known.toml");
    let text = "[[acknowledge]]\ncode = \"KA106\"\nsubject = \"checkpoints/3\"\nreason = \"x\"\nwho = \"y\"\n";
    fs::write(&known, text).unwrap();
    let report = log.audit_with(|it| it.acknowledged = Some(known.clone()));
    assert_eq!(report.verdict, Verdict::Untrusted);
    assert_eq!(
        found(&report),
        [(Code::Fork, None), (Code::RefusedAcknowledgement, None)]
    );
}

#[test]
fn the_checkpoint_of_another_history_that_an_auditor_kept() {
    let log = grown("audit-since-fork");
    let kept = log.path("kept");
    let since = |note: &Note| {
        fs::write(&kept, note.to_bytes()).unwrap();
        log.audit_with(|it| it.since = Some(Since::Checkpoint(kept.clone())))
    };
    for size in [4, 6] {
        assert_eq!(
            found(&since(&forged(size, b"other", LOG))),
            [(Code::Fork, None)]
        );
    }
    assert_eq!(
        found(&since(&forged(9, b"other", LOG))),
        [(Code::SetBack, None)]
    );
    assert_eq!(
        found(&since(&forged(4, b"other", 77))),
        [(Code::ForeignCheckpoint, None)]
    );
}

#[test]
fn an_append_that_is_being_done_or_was_interrupted_is_no_fault() {
    let log = grown("audit-unpublished");
    fs::copy(log.path("log/checkpoints/5"), log.path("log/checkpoint")).unwrap();
    let report = log.audit();
    assert_eq!(found(&report), [(Code::Unpublished, None)]);
    assert_eq!(report.verdict, Verdict::Incomplete);
    // Unless the entries that it speaks for are not there.
    fs::write(log.path("log/tile/0/000.p/6"), [0; 6 * 32]).unwrap();
    assert_eq!(found(&log.audit())[0], (Code::SetBack, None));
}

#[test]
fn an_older_checkpoint_put_back_does_not_hide_that_there_was_more() {
    let log = grown("audit-set-back");
    fs::copy(log.path("log/checkpoints/4"), log.path("log/checkpoint")).unwrap();
    let report = log.audit();
    let codes: Vec<Code> = found(&report).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [Code::SetBack, Code::SetBack]);
    assert_eq!(report.verdict, Verdict::Untrusted);
}

#[test]
fn changed_reordered_truncated_and_missing_files() {
    let bundle = "log/tile/entries/000.p/6";
    let cases: [(&str, &str, Change, Code); 4] = [
        (
            "a byte of an entry",
            bundle,
            |it| it[300] ^= 1,
            Code::WrongTile,
        ),
        (
            "a bundle cut off",
            bundle,
            |it| it.truncate(700),
            Code::WrongTile,
        ),
        (
            "a leaf",
            "log/tile/0/000.p/6",
            |it| it[40] ^= 1,
            Code::WrongTile,
        ),
        (
            "two leaves the other way round",
            "log/tile/0/000.p/6",
            |it| it[..64].rotate_left(32),
            Code::WrongTile,
        ),
    ];
    for (what, file, change, code) in cases {
        let log = grown("audit-changed");
        let path = log.path(file);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let report = log.audit();
        let found = found(&report);
        assert!(found.contains(&(code, None)), "{what}: {found:?}");
        assert_eq!(report.verdict, Verdict::Untrusted, "{what}");
    }
    for file in [bundle, "log/tile/0/000.p/6"] {
        let log = grown("audit-missing");
        fs::remove_file(log.path(file)).unwrap();
        let report = log.audit();
        assert!(
            found(&report).contains(&(Code::MissingFile, None)),
            "{file}"
        );
        assert_eq!(
            report.verdict,
            Verdict::Incomplete,
            "{file}: {:?}",
            report.findings
        );
        assert_eq!(report.entries.len(), 0);
    }
}

#[test]
fn entries_in_another_order_under_tiles_that_fit_have_another_root() {
    let log = grown("audit-reordered");
    let swap = |path: &str, first: usize, second: usize, end: usize| {
        let bytes = fs::read(log.path(path)).unwrap();
        let swapped = [
            &bytes[..first],
            &bytes[second..end],
            &bytes[first..second],
            &bytes[end..],
        ];
        fs::write(log.path(path), swapped.concat()).unwrap();
    };
    let bundle = fs::read(log.path("log/tile/entries/000.p/6")).unwrap();
    let length = |at: usize| 2 + usize::from(u16::from_be_bytes([bundle[at], bundle[at + 1]]));
    let first = length(0);
    let second = first + length(first);
    swap(
        "log/tile/entries/000.p/6",
        first,
        second,
        second + length(second),
    );
    swap("log/tile/0/000.p/6", 32, 64, 96);
    let report = log.audit();
    assert_eq!(report.verdict, Verdict::Untrusted);
    let wrong = report
        .findings
        .iter()
        .filter(|it| it.code == Code::WrongRoot);
    assert!(
        wrong.clone().any(|it| it.subject == "checkpoint"),
        "{:?}",
        report.findings
    );
    assert!(wrong.count() >= 4);
}

#[test]
fn rubbish_and_what_no_checkpoint_needs() {
    let log = grown("audit-rubbish");
    fs::write(log.path("log/checkpoints/77"), b"rubbish").unwrap();
    fs::write(log.path("log/tile/0/000.p/200"), b"x").unwrap();
    let report = log.audit();
    assert_eq!(found(&report), [(Code::ForeignCheckpoint, None)]);
    assert!(report.findings.iter().any(|it| it.code == Code::Leftover));
    // A copy that keeps the newest checkpoint only.
    fs::remove_dir_all(log.path("log/checkpoints")).unwrap();
    let report = log.audit();
    assert_eq!(found(&report), [(Code::NoHistory, None)]);
    assert_eq!(report.verdict, Verdict::Incomplete);
}

#[test]
fn another_key_of_the_log_is_known_by_the_roots_in_the_log_itself() {
    let mut log = grown("audit-log-key");
    let size = log.size();
    let next = log.next_root(|root| {
        end(root, Role::Log, LOG, size + 1);
        add(root, Role::Log, 112, size + 1);
    });
    log.entry(karat::tlog::Kind::Trust, &next);
    let vkey = NoteKey::ed25519(name(), key(112).public_key());
    assert!(log.log.rekey(&vkey).unwrap());
    let bytes = karat::tlog::Kind::Signed.entry(&super::history::release("web", "1.0", 6, &[1]));
    log.log.append(&key(112), &[bytes.unwrap()]).unwrap();
    assert_eq!(found(&log.audit()), []);
    // Whoever has the first trust root only, learns the key from the log.
    fs::copy(log.path("keys/trust/1.json"), log.path("first.json")).unwrap();
    assert_eq!(found(&log.audit_by("first.json", |_| ())), []);
    // A checkpoint of the old key for entries after its end.
    let note = fs::read(log.path("log/checkpoint")).unwrap();
    let mut note = Note::new(Note::parse(&note).unwrap().text().to_owned());
    note.sign(&name(), &key(LOG)).unwrap();
    fs::write(log.path("log/checkpoint"), note.to_bytes()).unwrap();
    let report = log.audit();
    assert_eq!(found(&report), [(Code::Untrusted, None)]);
}

#[test]
fn witnesses_bound_when_entries_were_logged() {
    let mut log = History::empty("audit-witness");
    let (_, mut witness) = role(Role::Witness, 1, &[WITNESS]);
    witness.keys[0].name = Some("witness.example/1".to_owned());
    log.document.roles.insert(Role::Witness, witness);
    log.keep(&root_file(&log.document, &[101, 102]));
    for serial in 1..=3 {
        log.release("web", serial, &[1]);
    }
    let cosign = |path: &str, time: u64| {
        let bytes = fs::read(log.path(path)).unwrap();
        let mut note = Note::parse(&bytes).unwrap();
        let witness = NoteName::parse("witness.example/1").unwrap();
        note.cosign(&witness, &key(WITNESS), time).unwrap();
        fs::write(log.path(path), note.to_bytes()).unwrap();
    };
    cosign("log/checkpoints/1", 1000);
    let report = log.audit();
    assert_eq!(found(&report), [(Code::NoQuorum, None)]);
    assert_eq!(report.log.independence, Independence::None);
    cosign("log/checkpoint", 2000);
    cosign("log/checkpoints/3", 2000);
    let report = log.audit();
    assert_eq!(found(&report), []);
    assert_eq!(report.findings, []);
    assert_eq!(report.log.independence, Independence::Witnessed);
    let bounds: Vec<_> = report
        .entries
        .iter()
        .map(|it| (it.not_before, it.not_after))
        .collect();
    assert_eq!(
        bounds,
        [
            (None, Some(1000)),
            (Some(1000), Some(2000)),
            (Some(1000), Some(2000)),
        ]
    );
    let witness = &report.witnesses[0];
    assert_eq!(
        (witness.checkpoints, witness.first_size, witness.last_size),
        (2, 1, 3)
    );
    assert_eq!((witness.first_time, witness.last_time), (1000, 2000));
    // A cosignature that does not verify.
    let text = fs::read_to_string(log.path("log/checkpoints/1")).unwrap();
    let mut note = Note::parse(text.as_bytes()).unwrap();
    let line = note.signatures()[1].clone();
    let mut other = Note::new(note.text().to_owned());
    other.sign(&name(), &key(LOG)).unwrap();
    let mut bytes = line.bytes.clone();
    bytes[70] ^= 1;
    other.add(karat::tlog::NoteSignature { bytes, ..line });
    note = other;
    fs::write(log.path("log/checkpoints/1"), note.to_bytes()).unwrap();
    let report = log.audit();
    assert_eq!(found(&report), [(Code::BadSignature, None)]);
}
