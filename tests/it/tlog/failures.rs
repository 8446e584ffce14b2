//! What may go wrong with notes, keys and clocks; the list of all cases: `docs/design/log-failures.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use karat::envelope::Envelope;
use karat::key::{PublicKey, Role, RoleKeys, Signed, Signer as _, SigningKey, TrustDocument};
use karat::limits;
use karat::tlog::{
    Checkpoint, EntryError, Kind, Logged, Note, NoteError, NoteKey, NoteSignature, ProofError,
    ReceiptFault, TreeHead, TrustedCheckpoint, UntrustedCheckpoint,
};

use crate::keys::fixture::{document, key, role, role_key, root};
use crate::support::log::{MemoryTree, checkpoint, name, receipt};

const ORIGIN: &str = "example.com/log";
const WITNESS: &str = "example.com/witness";

/// The key of a number, as a search for collisions counted them.
fn numbered(number: u32) -> SigningKey {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_seed(seed)
}

/// A trust root of which `keys` are the log's keys, or its witnesses.
fn with_keys(which: Role, threshold: usize, keys: &[&SigningKey]) -> TrustDocument {
    let mut document = document(1);
    let whose = if which == Role::Log { ORIGIN } else { WITNESS };
    let mut keys: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut entry = role_key(which, 0);
            entry.key = key.public_key();
            entry.name = Some(whose.to_owned());
            entry
        })
        .collect();
    keys.sort_by_key(|key| key.key);
    document.roles.insert(which, RoleKeys { keys, threshold });
    document
}

fn note(size: u64) -> Note {
    checkpoint(ORIGIN, &MemoryTree::of_numbers(size))
}

fn open(document: &TrustDocument, note: &Note) -> Result<TrustedCheckpoint, UntrustedCheckpoint> {
    TrustedCheckpoint::open(&root(document), &Note::parse(&note.to_bytes()).unwrap())
}

fn who(trusted: &TrustedCheckpoint) -> BTreeSet<PublicKey> {
    trusted.signed_by().keys().copied().collect()
}

#[test]
fn keys_with_one_name_and_one_id_are_never_taken_for_each_other() {
    // Found by trying keys in their order; ids have four bytes.
    let (one, other) = (numbered(114_838), numbered(116_370));
    let id = |key: &SigningKey| NoteKey::ed25519(name(ORIGIN), key.public_key()).id();
    assert_eq!((id(&one), id(&other)), ([0x61, 0x38, 0x62, 0x9e], id(&one)));
    assert_ne!(one.public_key(), other.public_key());

    let mut by_one = note(10);
    by_one.sign(&name(ORIGIN), &one).unwrap();
    // The trust root knows the other one alone: refused, as a signature in its name that is not its.
    let error = open(&with_keys(Role::Log, 1, &[&other]), &by_one).unwrap_err();
    assert!(
        matches!(error, UntrustedCheckpoint::BadSignature { .. }),
        "{error}"
    );
    // It knows both: one signature is one at most, and whoever gets the credit is who signed.
    assert!(open(&with_keys(Role::Log, 2, &[&one, &other]), &by_one).is_err());
    if let Ok(trusted) = open(&with_keys(Role::Log, 1, &[&one, &other]), &by_one) {
        assert_eq!(who(&trusted), BTreeSet::from([one.public_key()]));
    }
    assert!(open(&with_keys(Role::Log, 1, &[&one]), &by_one).is_ok());

    let (one, other) = (numbered(1043), numbered(69_011));
    let id = |key: &SigningKey| NoteKey::cosigner(name(WITNESS), key.public_key()).id();
    assert_eq!(id(&one), id(&other));
    let mut cosigned = note(10);
    cosigned.sign(&name(ORIGIN), &key(111)).unwrap();
    for time in [1, 2] {
        cosigned.cosign(&name(WITNESS), &one, time).unwrap();
    }
    assert!(open(&with_keys(Role::Witness, 2, &[&one, &other]), &cosigned).is_err());
    assert!(open(&with_keys(Role::Witness, 1, &[&other]), &cosigned).is_err());
    assert!(open(&with_keys(Role::Witness, 1, &[&one]), &cosigned).is_ok());
}

#[test]
fn one_raw_key_under_two_names_counts_once() {
    // As the log and as a witness it has two ids; as two witnesses it is refused by the trust root.
    let mut document = document(1);
    let (which, mut keys) = role(Role::Witness, 2, &[121, 121]);
    keys.keys[1].name = Some("example.com/second".to_owned());
    document.roles.insert(which, keys);
    let signed = document.to_signed().and_then(|mut signed| {
        for seed in [101, 102] {
            signed.sign(&key(seed)).unwrap();
        }
        karat::key::TrustRoot::pinned(&signed)
    });
    assert!(signed.is_err(), "a key twice in a role");
    let mut twice = note(10);
    twice.sign(&name(ORIGIN), &key(111)).unwrap();
    for whose in ["example.com/first", "example.com/second"] {
        twice.cosign(&name(whose), &key(121), 7).unwrap();
    }
    let mut two = with_keys(Role::Witness, 2, &[&key(121), &key(122)]);
    for (entry, whose) in two
        .roles
        .get_mut(&Role::Witness)
        .unwrap()
        .keys
        .iter_mut()
        .zip(["example.com/first", "example.com/second"])
    {
        entry.name = Some(whose.to_owned());
    }
    assert!(matches!(
        open(&two, &twice),
        Err(UntrustedCheckpoint::Witnesses(_) | UntrustedCheckpoint::BadSignature { .. })
    ));
}

#[test]
fn the_time_of_a_cosignature_is_signed_and_decides_nothing() {
    let document = with_keys(Role::Witness, 1, &[&key(121)]);
    // 1970, before the key was made, now, and as far in the future as there is.
    for time in [
        0,
        1,
        1_700_000_000,
        u64::from(u32::MAX) + 1,
        i64::MAX.unsigned_abs(),
    ] {
        let mut note = note(10);
        note.sign(&name(ORIGIN), &key(111)).unwrap();
        note.cosign(&name(WITNESS), &key(121), time).unwrap();
        let trusted = open(&document, &note).unwrap();
        assert_eq!(trusted.cosigned_by()[0].time, time);
        // The same signature under another time is none.
        let mut line = note.signatures()[1].clone();
        line.bytes[7] ^= 1;
        let mut moved = Note::new(note.text().to_owned());
        moved.add(note.signatures()[0].clone());
        moved.add(line);
        assert!(matches!(
            open(&document, &moved),
            Err(UntrustedCheckpoint::BadSignature { .. })
        ));
    }
}

#[test]
fn a_note_of_ten_thousand_signatures_is_not_read_through() {
    let line = "\u{2014} n AAAAAAA=\n";
    let many = format!("text\n\n{}", line.repeat(10_000));
    assert!(many.len() < limits::NOTE_MAX);
    assert_eq!(
        Note::parse(many.as_bytes()),
        Err(NoteError::TooManySignatures)
    );
    let long = format!("text\n\n\u{2014} n {}=\n", "A".repeat(limits::NOTE_MAX));
    assert_eq!(Note::parse(long.as_bytes()), Err(NoteError::TooLarge));
    // As many as are read, by keys that nobody knows, are no harm and no help.
    let mut note = note(3);
    for number in 0..63_u8 {
        note.add(NoteSignature {
            name: name("example.com/stranger"),
            id: [number; 4],
            bytes: vec![number; 64],
        });
    }
    assert!(open(&document(1), &note).is_err());
    note.sign(&name(ORIGIN), &key(111)).unwrap();
    assert!(open(&document(1), &note).is_ok());
}

#[test]
fn checkpoints_and_receipts_of_trees_around_the_edges_of_tiles() {
    for size in [0_u8, 1, 2, 255] {
        judge(usize::from(size));
    }
    for size in [256, 257, 1000] {
        judge(size);
    }
}

fn judge(size: usize) {
    let one = root(&document(1));
    let entries: Vec<Vec<u8>> = (0..size)
        .map(|number| number.to_string().into_bytes())
        .collect();
    let mut note = note(u64::try_from(size).unwrap());
    note.sign(&name(ORIGIN), &key(111)).unwrap();
    let trusted = TrustedCheckpoint::open(&one, &note).unwrap();
    assert_eq!(trusted.checkpoint().head.size, u64::try_from(size).unwrap());
    for index in BTreeSet::from([0, size / 2, size.saturating_sub(1)]) {
        let Some(entry) = entries.get(index) else {
            continue;
        };
        let index = u64::try_from(index).unwrap();
        let good = receipt(ORIGIN, &key(111), &entries, index);
        assert_eq!(
            Logged::check(&one, &good.to_bytes(), entry)
                .unwrap()
                .index(),
            index
        );
        let mut beyond = good;
        beyond.proof.index = u64::try_from(size).unwrap();
        let error = Logged::check(&one, &beyond.to_bytes(), entry).unwrap_err();
        assert!(
            matches!(error, ReceiptFault::Proof(ProofError::Index { .. })),
            "{error}"
        );
    }
}

#[test]
fn sizes_that_other_programs_cannot_hold_are_refused() {
    let text = |size: &str| {
        format!(
            "{ORIGIN}\n{size}\n{}\n",
            note(1).text().lines().nth(2).unwrap()
        )
    };
    for size in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "01",
        "+1",
        "-1",
        "1 ",
        " 1",
        "1e3",
        "",
    ] {
        assert!(Checkpoint::parse(&text(size)).is_err(), "{size:?}");
    }
    assert_eq!(
        Checkpoint::parse(&text("9223372036854775807"))
            .unwrap()
            .head
            .size,
        TreeHead::SIZE_MAX
    );
}

#[test]
fn an_entry_has_65535_bytes_at_most() {
    // Three bytes of the type are one each, four of the payload's base64 are three: any length is made.
    let of = |length: usize| {
        let bare = Kind::Signed
            .entry(&Envelope::new(signed(0, 0)))
            .unwrap()
            .len();
        let rest = length - bare;
        Kind::Signed.entry(&Envelope::new(signed(rest / 4 * 3, rest % 4)))
    };
    assert_eq!(of(65_534).unwrap().len(), 65_534);
    assert_eq!(of(65_535).unwrap().len(), 65_535);
    assert_eq!(of(65_536), Err(EntryError::TooLarge { length: 65_536 }));
    assert_eq!(
        karat::tlog::encode_bundle(&[of(65_535).unwrap()])
            .unwrap()
            .len(),
        65_537
    );
}

fn signed(payload: usize, more: usize) -> Signed {
    Signed::new("t".repeat(1 + more), vec![0; payload])
}

/// Each case of the page names its tests, and each of those is one.
#[test]
fn every_test_that_the_page_on_failures_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/design/log-failures.md")).unwrap();
    let mut cases = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let Some(number) = row
            .split('|')
            .nth(1)
            .and_then(|cell| cell.trim().parse::<u32>().ok())
        else {
            continue;
        };
        cases.insert(number);
        let named: Vec<&str> = row
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.contains("::"))
            .collect();
        assert!(!named.is_empty(), "case {number} names no test");
        for test in named {
            let (module, function) = test.rsplit_once("::").unwrap();
            let path = module.replace("::", "/");
            let file = ["tests/it", "src"]
                .iter()
                .flat_map(|top| [format!("{top}/{path}.rs"), format!("{top}/{path}/mod.rs")])
                .find_map(|file| fs::read_to_string(root.join(file)).ok());
            let file = file.unwrap_or_else(|| panic!("case {number}: there is no module {module}"));
            // Targets are listed, and become tests by a macro.
            let is_there = file.contains(&format!("fn {function}(")) || module == "fuzz::smoke";
            assert!(is_there, "case {number}: there is no test {test}");
        }
    }
    assert_eq!(cases, (1..=20).collect());
}
