//! The log's formats and proofs.

use std::sync::LazyLock;

use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::key::{Signer as _, TrustRoot};
use karat::limits;
use karat::tlog::{
    Checkpoint, ConsistencyProof, Cosignature, Entry, InclusionProof, Kind, Logged, Note, NoteKey,
    Receipt, Tile, TreeHead, decode_bundle, encode_bundle, leaf_hash,
};

use super::seeds::{texts, vectors};
use crate::keys::fixture::{document, envelope as envelope_of, key, root};
use crate::support::log::{MemoryTree, checkpoint as checkpoint_of, name, receipt as receipt_of};

const ORIGIN: &str = "example.com/log";

/// Accepted bytes are written as they came, within the caps.
pub fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_bytes(), bytes);
        assert!(note.text().ends_with('\n'));
        assert!((1..=limits::NOTE_SIGNATURES_MAX).contains(&note.signatures().len()));
        assert!(bytes.len() <= limits::NOTE_MAX);
    }
}

pub fn note_seeds() -> Vec<Vec<u8>> {
    let mut note = checkpoint_of(ORIGIN, &MemoryTree::of_numbers(7));
    note.sign(&name(ORIGIN), &key(111)).unwrap();
    note.cosign(&name("w.example"), &key(112), 1_700_000_000)
        .unwrap();
    vec![
        note.to_bytes(),
        b"a\n\nb\n\n\xe2\x80\x94 n AAAAAAA=\n".to_vec(),
        b"a\r\n\n\n\xe2\x80\x94 n+ AAAAAAA=\n".to_vec(),
    ]
}

/// One spelling; sizes that others can hold; the empty tree has its one root.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_text(), text);
        assert!(checkpoint.head.size <= TreeHead::SIZE_MAX);
        assert!(checkpoint.head.size > 0 || checkpoint.head == TreeHead::empty());
    }
}

pub fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let text = |size| {
        checkpoint_of(ORIGIN, &MemoryTree::of_numbers(size))
            .text()
            .to_owned()
    };
    texts([
        text(0),
        text(1),
        text(257),
        text(3) + "extension\n",
        format!("{ORIGIN}\n9223372036854775808\n"),
    ])
}

/// One spelling.
pub fn vkey(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = text.parse::<NoteKey>() {
        assert_eq!(key.to_string(), text);
        assert!(key.name().as_str().len() <= limits::KEY_NAME_MAX);
    }
}

pub fn vkey_seeds() -> Vec<Vec<u8>> {
    let raw = key(111).public_key();
    texts([
        NoteKey::ed25519(name(ORIGIN), raw).to_string(),
        NoteKey::cosigner(name(ORIGIN), raw).to_string(),
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        "example.com/pq+01020304+BgECAwQ=".to_owned(),
    ])
}

/// One spelling, and a path below the log's directory.
pub fn tile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(tile) = Tile::parse(text) {
        assert_eq!(tile.to_string(), text);
        assert!((1..=Tile::FULL).contains(&tile.width));
        assert!(!text.contains("..") && text.starts_with("tile/"));
        assert!(tile.full().is_full());
    }
}

pub fn tile_seeds() -> Vec<Vec<u8>> {
    texts([
        "tile/0/000",
        "tile/7/x001/x234/067.p/255",
        "tile/entries/x999/x999/x999/x999/x999/999",
        "tile/entries/../checkpoint",
        "tile/+1/+00",
    ])
}

/// Accepted bytes are written as they came; no more entries than a tile holds.
pub fn bundle(bytes: &[u8]) {
    if let Ok(entries) = decode_bundle(bytes) {
        assert_eq!(encode_bundle(&entries).unwrap(), bytes);
        assert!((1..=usize::from(Tile::FULL)).contains(&entries.len()));
    }
}

pub fn bundle_seeds() -> Vec<Vec<u8>> {
    vec![
        encode_bundle(&[b"one".as_slice(), b"", b"three"]).unwrap(),
        encode_bundle(&vec![b"x"; 256]).unwrap(),
        vec![0; 514],
        encode_bundle(&[vec![7; 65_535]]).unwrap(),
    ]
}

/// One spelling, and a time that others can hold.
pub fn cosignature(bytes: &[u8]) {
    if let Some(cosignature) = Cosignature::parse(bytes) {
        assert_eq!(cosignature.to_bytes(), bytes);
        assert!(i64::try_from(cosignature.time).is_ok());
    }
}

pub fn cosignature_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0; 72],
        vec![0xff; 72],
        [&[0; 8][..], &[0x7f; 64]].concat(),
        vec![0; 64],
    ]
}

/// A log with the Receipt of its second entry, and the trust root that names it.
struct Fixture {
    root: TrustRoot,
    entry: Vec<u8>,
    receipt: Receipt,
    head: TreeHead,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let entries: Vec<Vec<u8>> = (0..5_u8).map(|number| vec![number; 9]).collect();
    let receipt = receipt_of(ORIGIN, &key(111), &entries, 1);
    Fixture {
        root: root(&document(1)),
        entry: entries[1].clone(),
        head: Checkpoint::parse(receipt.checkpoint.text()).unwrap().head,
        receipt,
    }
});

/// Accepted bytes are written as they came. What is believed says what the log signed: another place,
/// another tree or another proof is never made of it.
pub fn receipt(bytes: &[u8]) {
    let Ok(receipt) = Receipt::parse(bytes) else {
        return;
    };
    assert_eq!(receipt.to_bytes(), bytes);
    assert!(receipt.proof.hashes.len() <= limits::PROOF_HASHES_MAX);
    let Fixture {
        root,
        entry,
        receipt: good,
        head,
    } = &*FIXTURE;
    if let Ok(logged) = Logged::check(root, bytes, entry) {
        assert_eq!(logged.checkpoint().checkpoint().head, *head);
        assert_eq!((logged.index(), &receipt.proof), (1, &good.proof));
    }
}

pub fn receipt_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vectors("tlog");
    seeds.push(FIXTURE.receipt.to_bytes());
    seeds
}

/// The tree of all proofs here.
static TREE: LazyLock<MemoryTree> = LazyLock::new(|| MemoryTree::of_numbers(SIZE));
const SIZE: u64 = 300;
/// Its heads at all sizes.
static HEADS: LazyLock<Vec<TreeHead>> = LazyLock::new(|| {
    let mut tree = MemoryTree::default();
    let mut heads = vec![tree.frontier.head()];
    for number in 0..SIZE {
        tree.push(number.to_string().as_bytes());
        heads.push(tree.frontier.head());
    }
    heads
});
/// Places of which the seeds have proofs: around powers of two, and at both ends.
const PLACES: [(u64, u64); 9] = [
    (0, 1),
    (0, 2),
    (5, 7),
    (128, 256),
    (255, 256),
    (255, 257),
    (256, 257),
    (256, SIZE),
    (299, SIZE),
];
/// Hashes that proofs may be made of: those of the tree, and those of the seeds' proofs.
static HASHES: LazyLock<Vec<Digest>> = LazyLock::new(|| {
    let mut hashes: Vec<Digest> = TREE.nodes.values().copied().collect();
    for (first, second) in PLACES {
        hashes.extend(TREE.inclusion(first, second).hashes);
        hashes.extend(TREE.consistency(first, second).hashes);
    }
    hashes
});

/// The bytes as two places and hashes of the tree; an odd byte at the end is a hash of something else.
fn proof(bytes: &[u8]) -> Option<(u64, u64, Vec<Digest>)> {
    let (places, hashes) = bytes.split_first_chunk::<4>()?;
    let place = |high, low| u64::from(u16::from_be_bytes([high, low])) % (SIZE + 1);
    let hash = |chunk: &[u8]| match *chunk {
        [high, low] => HASHES[usize::from(u16::from_be_bytes([high, low])) % HASHES.len()],
        _ => Digest::of(chunk),
    };
    Some((
        place(places[0], places[1]),
        place(places[2], places[3]),
        hashes.chunks(2).map(hash).collect(),
    ))
}

fn head(size: u64) -> TreeHead {
    HEADS[usize::try_from(size).unwrap()]
}

/// A leaf that is in the tree has one proof at one place; no other leaf has any.
pub fn inclusion(bytes: &[u8]) {
    let Some((index, size, hashes)) = proof(bytes) else {
        return;
    };
    let leaf = leaf_hash(index.to_string().as_bytes());
    let claimed = InclusionProof { index, hashes };
    if let Ok(included) = claimed.check(leaf, head(size)) {
        assert_eq!(claimed, TREE.inclusion(index, size));
        assert_eq!((included.index(), included.leaf()), (index, leaf));
    }
    if index < size {
        assert!(TREE.inclusion(index, size).check(leaf, head(size)).is_ok());
    }
    assert!(claimed.check(leaf_hash(b"another"), head(size)).is_err());
}

/// Two trees of which one is the beginning of the other have one proof; a fork has none.
pub fn consistency(bytes: &[u8]) {
    let Some((old, new, hashes)) = proof(bytes) else {
        return;
    };
    let claimed = ConsistencyProof { hashes };
    if claimed.check(head(old), head(new)).is_ok() {
        assert_eq!(claimed, TREE.consistency(old, new));
    }
    if old <= new {
        assert!(
            TREE.consistency(old, new)
                .check(head(old), head(new))
                .is_ok()
        );
    }
    let fork = TreeHead {
        size: old,
        root: Digest::of(b"a fork"),
    };
    assert!(claimed.check(fork, head(new)).is_err());
}

pub fn proof_seeds() -> Vec<Vec<u8>> {
    let bytes = |first: u64, second: u64, hashes: &[Digest]| {
        let place = |place: u64| u16::try_from(place).unwrap().to_be_bytes();
        let hashes = hashes.iter().flat_map(|hash| {
            let at = HASHES.iter().position(|known| known == hash).unwrap();
            u16::try_from(at).unwrap().to_be_bytes()
        });
        let places = [place(first), place(second)].concat();
        places.into_iter().chain(hashes).collect::<Vec<u8>>()
    };
    let mut seeds = vec![bytes(0, 0, &[]), bytes(SIZE, SIZE, &[])];
    for (first, second) in PLACES {
        seeds.push(bytes(first, second, &TREE.inclusion(first, second).hashes));
        seeds.push(bytes(
            first,
            second,
            &TREE.consistency(first, second).hashes,
        ));
    }
    seeds
}

/// An entry is its word and the rest of its bytes; an Envelope in its one spelling makes it again.
pub fn entry(bytes: &[u8]) {
    let Some(entry) = Entry::parse(bytes) else {
        return;
    };
    let head = format!("karat-log/1 {}\n", entry.kind.as_str());
    assert_eq!([head.as_bytes(), entry.envelope].concat(), bytes);
    let Ok(envelope) = Envelope::parse(entry.envelope) else {
        return;
    };
    if let Ok(again) = entry.kind.entry(&envelope) {
        assert!(again.len() <= limits::LOG_ENTRY_MAX);
        let again = Entry::parse(&again).unwrap();
        assert_eq!(again.kind, entry.kind);
        assert_eq!(Envelope::parse(again.envelope), Ok(envelope));
    }
}

pub fn entry_seeds() -> Vec<Vec<u8>> {
    let envelope = Envelope::parse(&envelope_of(b"payload".to_vec(), &[1, 2])).unwrap();
    [
        Kind::Signed,
        Kind::Trust,
        Kind::Revoke,
        Kind::Retire,
        Kind::Other("later"),
    ]
    .map(|kind| kind.entry(&envelope).unwrap())
    .to_vec()
}
