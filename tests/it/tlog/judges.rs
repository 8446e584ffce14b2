//! Hashes, proofs and notes against those of another implementation, both ways.

use karat::digest::Digest;
use karat::key::Signer as _;
use karat::tlog::{
    Checkpoint, ConsistencyProof, InclusionProof, Note, NoteKey, TreeHead, leaf_hash, node_hash,
    root_of,
};
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{
    Hash, HashReader, check_record, check_tree, prove_record, prove_tree, record_hash,
    split_stored_hash_index, tree_hash,
};

use crate::keys::fixture::key;
use crate::support::log::{MemoryTree, checkpoint, name};

/// Sizes around those at which tiles are full.
const SIZES: [u64; 14] = [
    1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 513, 65_535, 65_536, 65_537,
];

struct Theirs<'a>(&'a MemoryTree);

impl HashReader for Theirs<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes
            .iter()
            .map(|index| {
                let (level, index) = split_stored_hash_index(*index);
                Hash(*self.0.node(karat::tlog::Node { level, index }).as_bytes())
            })
            .collect())
    }
}

fn theirs(hashes: &[Digest]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(*hash.as_bytes())).collect()
}

fn head(tree: &MemoryTree, size: u64) -> TreeHead {
    let root = root_of(size, &mut |node| Ok::<_, ()>(tree.node(node))).unwrap();
    TreeHead { size, root }
}

/// Places in a tree of `size` where something may go wrong.
fn places(size: u64) -> Vec<u64> {
    let mut places: Vec<u64> = [0, 1, size / 3, size / 2, size - 1]
        .into_iter()
        .chain(SIZES.into_iter().flat_map(|size| [size - 1, size]))
        .filter(|place| *place < size)
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

#[test]
fn hashes_and_roots_are_theirs() {
    assert_eq!(leaf_hash(b"x").as_bytes(), &record_hash(b"x").0);
    let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
    let hash = tlog_tiles::tlog::node_hash(Hash(*one.as_bytes()), Hash(*other.as_bytes()));
    assert_eq!(node_hash(one, other).as_bytes(), &hash.0);
    let tree = MemoryTree::of_numbers(*SIZES.last().unwrap());
    for size in SIZES {
        let root = tree_hash(size, &Theirs(&tree)).unwrap();
        assert_eq!(head(&tree, size).root.as_bytes(), &root.0, "{size}");
        assert_eq!(
            MemoryTree::of_numbers(size.min(600)).frontier.size(),
            size.min(600)
        );
    }
    assert_eq!(tree.frontier.head(), head(&tree, 65_537));
}

#[test]
fn inclusion_proofs_are_theirs_and_each_believes_the_other() {
    let tree = MemoryTree::of_numbers(*SIZES.last().unwrap());
    for size in SIZES {
        let head = head(&tree, size);
        for index in places(size) {
            let leaf = leaf_hash(index.to_string().as_bytes());
            let ours = tree.inclusion(index, size);
            let other = prove_record(size, index, &Theirs(&tree)).unwrap();
            assert_eq!(theirs(&ours.hashes), other, "{index} of {size}");
            let (root, leaf_theirs) = (Hash(*head.root.as_bytes()), Hash(*leaf.as_bytes()));
            check_record(&other, size, root, index, leaf_theirs).unwrap();
            let included = ours.check(leaf, head).unwrap();
            assert_eq!((included.index(), included.head()), (index, head));
            // Every other place, and every other size, is refused by both.
            for (index, size) in [(index ^ 1, size), (index, size + 1), (index, size - 1)] {
                let moved = InclusionProof {
                    index,
                    ..ours.clone()
                };
                let ours = moved.check(leaf, TreeHead { size, ..head }).is_ok();
                let theirs =
                    index < size && check_record(&other, size, root, index, leaf_theirs).is_ok();
                assert_eq!(ours, theirs, "{index} of {size}");
            }
        }
    }
}

#[test]
fn consistency_proofs_are_theirs_and_each_believes_the_other() {
    let tree = MemoryTree::of_numbers(*SIZES.last().unwrap());
    for new in SIZES {
        let new_head = head(&tree, new);
        for old in places(new + 1).into_iter().filter(|old| *old > 0) {
            let old_head = head(&tree, old);
            let ours = tree.consistency(old, new);
            let other = prove_tree(new, old, &Theirs(&tree)).unwrap();
            assert_eq!(theirs(&ours.hashes), other, "{old} to {new}");
            let (root, before) = (
                Hash(*new_head.root.as_bytes()),
                Hash(*old_head.root.as_bytes()),
            );
            check_tree(&other, new, root, old, before).unwrap();
            let extends = ours.check(old_head, new_head).unwrap();
            assert_eq!((extends.old(), extends.new_head()), (old_head, new_head));
            let forked = TreeHead {
                root: Digest::of(b"fork"),
                ..old_head
            };
            assert!(ours.check(forked, new_head).is_err());
            assert!(
                ours.check(
                    old_head,
                    TreeHead {
                        root: forked.root,
                        ..new_head
                    }
                )
                .is_err()
            );
            assert_eq!(ours.check(new_head, old_head).is_ok(), old == new);
        }
        let from_nothing = ConsistencyProof { hashes: Vec::new() };
        assert!(from_nothing.check(TreeHead::empty(), new_head).is_ok());
    }
}

#[test]
fn notes_of_ours_are_notes_of_theirs_and_the_other_way_round() {
    let tree = MemoryTree::of_numbers(300);
    let mut note = checkpoint("example.com/log", &tree);
    note.sign(&name("example.com/log"), &key(111)).unwrap();
    note.cosign(&name("example.com/witness"), &key(121), 1_700_000_000)
        .unwrap();
    let file = note.to_bytes();
    let vkey = NoteKey::ed25519(name("example.com/log"), key(111).public_key()).to_string();
    let verifier = StandardVerifier::new(&vkey).unwrap();
    let theirs = signed_note::Note::from_bytes(&file).unwrap();
    assert_eq!(theirs.to_bytes(), file);
    let list = VerifierList::new(vec![Box::new(verifier)]);
    let (known, unknown) = theirs.verify(&list).unwrap();
    assert_eq!(
        (known.len(), unknown.len()),
        (1, 1),
        "the witness is nobody they know"
    );
    let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    let ours = Checkpoint::parse(note.text()).unwrap();
    assert_eq!((read.size(), read.origin()), (300, "example.com/log"));
    assert_eq!(&read.hash().0, ours.head.root.as_bytes());

    // A seed as Go spells private keys: NAME, id, type and seed.
    let seed = [&[1], &[111; 32][..]].concat();
    let skey = format!(
        "PRIVATE+KEY+{}+{}",
        vkey.rsplit_once('+').unwrap().0,
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, seed)
    );
    let signer = StandardSigner::new(&skey).unwrap();
    let mut theirs = signed_note::Note::new(note.text().as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    let theirs = Note::parse(&theirs.to_bytes()).unwrap();
    assert_eq!(theirs.signatures(), &note.signatures()[..1]);
}
