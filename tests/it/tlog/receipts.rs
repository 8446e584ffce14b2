//! What a Receipt is worth under a trust root.

use karat::baseline::OpenError;
use karat::envelope::Envelope;
use karat::key::{Position, Receipts, Role, Signer as _, TrustDocument, TrustRoot};
use karat::tlog::{
    Cosignature, Entry, Kind, Logged, Note, NoteKey, NoteSignature, Policy, PolicyError,
    ProofError, Receipt, ReceiptFault, TrustedCheckpoint, UntrustedCheckpoint,
};

use crate::keys::fixture::{self, document, envelope, key, payload, role_key, root};
use crate::support::log::{MemoryTree, checkpoint, name, receipt};

const ORIGIN: &str = "example.com/log";
const TIME: u64 = 1_700_000_000;

/// Log key 111, witnesses 121, 122 and 123, two of which must cosign.
fn witnessed() -> TrustDocument {
    let mut document = document(1);
    let (role, mut keys) = fixture::role(Role::Witness, 2, &[121, 122, 123]);
    for key in &mut keys.keys {
        key.name = Some("example.com/witness".to_owned());
    }
    document.roles.insert(role, keys);
    document
}

/// A note over any tree, signed by the log and cosigned by `witnesses`.
fn note(witnesses: &[u8]) -> Note {
    let mut note = checkpoint(ORIGIN, &MemoryTree::of_numbers(10));
    note.sign(&name(ORIGIN), &key(111)).unwrap();
    for seed in witnesses {
        note.cosign(&name("example.com/witness"), &key(*seed), TIME)
            .unwrap();
    }
    note
}

fn open(document: &TrustDocument, note: &Note) -> Result<TrustedCheckpoint, UntrustedCheckpoint> {
    // As somebody sends it.
    TrustedCheckpoint::open(&root(document), &Note::parse(&note.to_bytes()).unwrap())
}

#[test]
fn a_checkpoint_needs_the_log_and_the_quorum_of_witnesses() {
    let trusted = open(&witnessed(), &note(&[121, 123])).unwrap();
    assert_eq!(trusted.checkpoint().head.size, 10);
    assert_eq!(
        trusted.signed_by().keys().copied().collect::<Vec<_>>(),
        [key(111).public_key()]
    );
    let mut expected = [key(121).public_key(), key(123).public_key()];
    expected.sort();
    let cosigners: Vec<_> = trusted.cosigned_by().iter().map(|it| it.key).collect();
    assert_eq!(cosigners, expected);
    assert!(trusted.cosigned_by().iter().all(|it| it.time == TIME));

    // One alone, one of them twice at two times, one that nobody knows.
    for witnesses in [&[121][..], &[], &[121, 131], &[111, 121]] {
        let error = open(&witnessed(), &note(witnesses)).unwrap_err();
        assert!(
            matches!(error, UntrustedCheckpoint::Witnesses(_)),
            "{error}"
        );
    }
    let mut twice = note(&[121]);
    twice
        .cosign(&name("example.com/witness"), &key(121), TIME + 1)
        .unwrap();
    assert!(matches!(
        open(&witnessed(), &twice),
        Err(UntrustedCheckpoint::Witnesses(_))
    ));

    // Witnesses, and no log.
    let mut unsigned = checkpoint(ORIGIN, &MemoryTree::of_numbers(10));
    for seed in [121, 122] {
        unsigned
            .cosign(&name("example.com/witness"), &key(seed), TIME)
            .unwrap();
    }
    assert!(matches!(
        open(&witnessed(), &unsigned),
        Err(UntrustedCheckpoint::Log(_))
    ));
    assert!(
        open(&document(1), &note(&[])).is_ok(),
        "no witnesses are asked for"
    );
}

#[test]
fn keys_sign_for_their_own_purpose_only() {
    // A witness in place of the log, the log in place of a witness, each with its own kind of line.
    let mut forged = checkpoint(ORIGIN, &MemoryTree::of_numbers(10));
    forged
        .sign(&name("example.com/witness"), &key(121))
        .unwrap();
    forged.cosign(&name(ORIGIN), &key(111), TIME).unwrap();
    assert!(matches!(
        open(&witnessed(), &forged),
        Err(UntrustedCheckpoint::Log(_))
    ));
    // The log's key under another name is another key.
    let mut renamed = checkpoint(ORIGIN, &MemoryTree::of_numbers(10));
    renamed.sign(&name("example.com/other"), &key(111)).unwrap();
    assert!(matches!(
        open(&document(1), &renamed),
        Err(UntrustedCheckpoint::Log(_))
    ));
}

#[test]
fn a_bad_signature_in_the_name_of_a_known_key_refuses_the_whole() {
    for (seed, kind) in [
        (111, NoteKey::ed25519 as fn(_, _) -> _),
        (122, NoteKey::cosigner),
    ] {
        let whose = if seed == 111 {
            ORIGIN
        } else {
            "example.com/witness"
        };
        let id = kind(name(whose), key(seed).public_key()).id();
        for bytes in [vec![7; 64], vec![7; 72], vec![7; 1]] {
            let mut bad = note(&[121, 123]);
            bad.add(NoteSignature {
                name: name(whose),
                id,
                bytes,
            });
            let error = open(&witnessed(), &bad).unwrap_err();
            assert!(
                matches!(error, UntrustedCheckpoint::BadSignature { .. }),
                "{error}"
            );
        }
        // The same id under another name is nobody's, as C2SP has it.
        let mut strange = note(&[121, 123]);
        strange.add(NoteSignature {
            name: name("example.com/stranger"),
            id,
            bytes: vec![7; 64],
        });
        assert!(open(&witnessed(), &strange).is_ok());
    }
    // A time beyond 2^63 is no cosignature, however well signed.
    let mut note = note(&[121, 123]);
    let far = u64::MAX;
    note.cosign(&name("example.com/witness"), &key(122), far)
        .unwrap();
    assert!(matches!(
        open(&witnessed(), &note),
        Err(UntrustedCheckpoint::BadSignature { .. })
    ));
    let bytes = [&far.to_be_bytes()[..], &[0; 64]].concat();
    assert_eq!(Cosignature::parse(&bytes), None);
}

#[test]
fn another_log_s_checkpoint_is_refused_though_the_key_is_the_same() {
    let mut other = checkpoint("example.com/other", &MemoryTree::of_numbers(10));
    other.sign(&name(ORIGIN), &key(111)).unwrap();
    let error = open(&document(1), &other).unwrap_err();
    assert!(
        matches!(&error, UntrustedCheckpoint::Origin { found, .. } if found == "example.com/other")
    );
    let mut none = document(1);
    none.log = None;
    assert_eq!(
        open(&none, &note(&[])).err(),
        Some(UntrustedCheckpoint::NoLog)
    );
}

#[test]
fn the_last_entry_of_a_checkpoint_decides_which_log_keys_count() {
    // Key 111 signs entries up to 9, key 112 from 10 on.
    let mut document = document(1);
    let keys = document.roles.get_mut(&Role::Log).unwrap();
    keys.keys[0].until = Some(10);
    let mut next = role_key(Role::Log, 112);
    next.from = 10;
    keys.keys.push(next);
    keys.keys.sort_by_key(|key| key.key);
    for (size, seed, counts) in [
        (10, 111, true),
        (11, 111, false),
        (10, 112, false),
        (11, 112, true),
    ] {
        let mut note = checkpoint(ORIGIN, &MemoryTree::of_numbers(size));
        note.sign(&name(ORIGIN), &key(seed)).unwrap();
        assert_eq!(
            open(&document, &note).is_ok(),
            counts,
            "size {size}, key {seed}"
        );
    }
}

/// An envelope in a log with others before and after it.
fn logged(signers: &[u8], index: u64) -> (Envelope, Receipt) {
    let file = envelope(payload("web", 1), signers);
    let parsed = Envelope::parse(&file).unwrap();
    let mut entries: Vec<Vec<u8>> = (0..12).map(|number: u8| vec![number]).collect();
    entries[usize::try_from(index).unwrap()] = Kind::Signed.entry(&parsed).unwrap();
    (parsed, receipt(ORIGIN, &key(111), &entries, index))
}

fn ended() -> TrustRoot {
    let mut document = document(2);
    fixture::entry(&mut document, Role::Baseline, 2).until = Some(7);
    root(&document)
}

#[test]
fn a_receipt_decides_by_the_order_of_the_log_which_keys_count() {
    let (envelope, receipt) = logged(&[1, 2], 6);
    let verified = envelope.open_logged(&ended(), &receipt.to_bytes()).unwrap();
    let place = verified.logged().unwrap();
    assert_eq!((place.index(), place.position()), (6, Position::Logged(6)));
    assert_eq!(place.checkpoint().checkpoint().head.size, 12);
    let (envelope, receipt) = logged(&[1, 2], 7);
    assert!(matches!(
        envelope.open_logged(&ended(), &receipt.to_bytes()),
        Err(OpenError::Threshold(_))
    ));
    let mut document = document(1);
    document.log.as_mut().unwrap().receipt = Receipts::Required;
    let required = root(&document);
    assert_eq!(
        envelope.open(&required).err(),
        Some(OpenError::ReceiptRequired)
    );
    assert!(envelope.open_logged(&required, &receipt.to_bytes()).is_ok());
}

#[test]
fn signatures_that_were_not_logged_do_not_count() {
    let (mut envelope, receipt) = logged(&[1], 3);
    let one = root(&document(1));
    envelope.sign(&key(2)).unwrap();
    envelope.sign(&key(3)).unwrap();
    let verified = envelope.open_logged(&one, &receipt.to_bytes()).unwrap();
    assert_eq!(
        verified.quorum().keys().count(),
        1,
        "the other two came later"
    );
    let two = root(&document(2));
    let error = envelope.open_logged(&two, &receipt.to_bytes()).unwrap_err();
    assert!(matches!(error, OpenError::Threshold(_)), "{error}");
    assert!(envelope.open(&two).is_ok(), "they are good signatures");
    // In another order it is another entry.
    let mut other = Envelope::new(karat::key::Signed {
        claims: Vec::new(),
        ..envelope.signed().clone()
    });
    other.sign(&key(2)).unwrap();
    assert!(other.merge(&envelope));
    let error = other.open_logged(&one, &receipt.to_bytes()).unwrap_err();
    assert_eq!(error, OpenError::Receipt(ReceiptFault::OtherEntry(3)));
}

#[test]
fn a_receipt_of_something_else_proves_nothing() {
    let one = root(&document(1));
    let (envelope, good) = logged(&[1], 3);
    let fault = |receipt: &Receipt| match envelope.open_logged(&one, &receipt.to_bytes()) {
        Err(OpenError::Receipt(fault)) => fault,
        other => panic!("{other:?}"),
    };
    // Another index, an index beyond the tree, a hash too few, one too many, no proof.
    let with = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        fault(&receipt)
    };
    assert_eq!(with(&|it| it.proof.index = 2), ReceiptFault::OtherEntry(2));
    assert_eq!(
        with(&|it| it.proof.index = 12),
        ReceiptFault::Proof(ProofError::Index {
            index: 12,
            size: 12
        })
    );
    assert_eq!(
        with(&|it| it.proof.hashes.truncate(3)),
        ReceiptFault::Proof(ProofError::Length(3))
    );
    assert_eq!(
        with(&|it| it.proof.hashes.push(it.proof.hashes[0])),
        ReceiptFault::Proof(ProofError::Length(5))
    );
    assert_eq!(
        with(&|it| it.proof.hashes.clear()),
        ReceiptFault::Proof(ProofError::Length(0))
    );
    // The Receipt of another envelope, and one whose checkpoint nobody signed.
    let (_, other) = logged(&[2], 3);
    assert_eq!(fault(&other), ReceiptFault::OtherEntry(3));
    let unsigned = with(&|it| {
        it.checkpoint = Note::new(it.checkpoint.text().to_owned());
        it.checkpoint.sign(&name(ORIGIN), &key(9)).unwrap();
    });
    assert!(matches!(
        unsigned,
        ReceiptFault::Checkpoint(UntrustedCheckpoint::Log(_))
    ));
    // Extra data mean nothing.
    let mut extra = good.clone();
    extra.extra = Some(b"anything".to_vec());
    assert!(envelope.open_logged(&one, &extra.to_bytes()).is_ok());
}

#[test]
fn any_entry_has_its_place_checked_by_one_door() {
    let entries = vec![b"foreign".to_vec(), b"another".to_vec()];
    let receipt = receipt(ORIGIN, &key(111), &entries, 1).to_bytes();
    let one = root(&document(1));
    assert_eq!(
        Logged::check(&one, &receipt, b"another").unwrap().index(),
        1
    );
    assert_eq!(
        Logged::check(&one, &receipt, b"foreign").err(),
        Some(ReceiptFault::OtherEntry(1))
    );
    assert_eq!(Entry::parse(b"foreign"), None);
}

#[test]
fn every_single_bit_of_a_receipt_matters() {
    let one = root(&document(1));
    let (envelope, good) = logged(&[1], 3);
    let file = good.to_bytes();
    let expected = envelope.open_logged(&one, &file).unwrap();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            if let Ok(opened) = envelope.open_logged(&one, &changed) {
                assert_eq!(opened, expected, "byte {at}, bit {bit}");
                panic!("byte {at}, bit {bit} of a receipt without extra data is not looked at");
            }
        }
    }
}

#[test]
fn the_policy_for_other_tools_names_who_counts_today() {
    let text = |document: &TrustDocument| {
        let policy = Policy::of(&root(document)).unwrap();
        String::from_utf8(policy.to_bytes()).unwrap()
    };
    let alone = text(&document(1));
    let text = text(&witnessed());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[0].starts_with("log example.com/log+"));
    for (line, number) in lines[1..4].iter().zip(1..) {
        let vkey = line.strip_prefix(&format!("witness w{number} ")).unwrap();
        assert!(matches!(
            vkey.parse::<NoteKey>().unwrap().algorithm(),
            karat::tlog::Algorithm::Cosignature(_)
        ));
    }
    assert_eq!(
        lines[4..],
        ["group witnesses 2 w1 w2 w3", "quorum witnesses"]
    );
    assert_eq!(alone.lines().last(), Some("quorum none"));
    let mut few = witnessed();
    for key in &mut few.roles.get_mut(&Role::Witness).unwrap().keys[..2] {
        key.until = Some(0);
    }
    assert_eq!(
        Policy::of(&root(&few)),
        Err(PolicyError::Witnesses {
            wanted: 2,
            there: 1
        })
    );
}
