//! What holds for any tree, any proof, any bytes.

use karat::digest::Digest;
use karat::tlog::{
    Checkpoint, Entry, Frontier, InclusionProof, Kind, Note, NoteKey, Receipt, Tile, decode_bundle,
    encode_bundle, leaf_hash, root_of, tiles_of,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::keys::fixture::envelope;
use crate::support::log::MemoryTree;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_grown_from_any_edge_has_the_same_root(size in 0_u64..1100, more in 0_u64..300) {
        let tree = MemoryTree::of_numbers(size + more);
        let roots = Frontier::nodes(size).into_iter().map(|node| tree.node(node)).collect();
        let mut frontier = Frontier::of(size, roots).unwrap();
        for number in size..size + more {
            frontier.push(leaf_hash(number.to_string().as_bytes()), |node, hash| {
                assert_eq!(tree.node(node), hash);
            });
        }
        prop_assert_eq!(&frontier, &tree.frontier);
        let root = root_of(size + more, &mut |node| Ok::<_, ()>(tree.node(node))).unwrap();
        prop_assert_eq!(frontier.head().root, root);
    }

    #[test]
    fn any_change_of_a_proof_is_refused(
        size in 2_u64..600,
        place: prop::sample::Index,
        hash: prop::sample::Index,
        byte in 0_usize..32,
        bit in 0_u8..8,
    ) {
        let tree = MemoryTree::of_numbers(size);
        let index = u64::try_from(place.index(usize::try_from(size).unwrap())).unwrap();
        let leaf = leaf_hash(index.to_string().as_bytes());
        let head = tree.frontier.head();
        let good = tree.inclusion(index, size);
        prop_assert!(good.check(leaf, head).is_ok());
        let mut changed = good.clone();
        let hash = &mut changed.hashes[hash.index(good.hashes.len())];
        let mut bytes = *hash.as_bytes();
        bytes[byte] ^= 1 << bit;
        *hash = Digest::from_bytes(bytes);
        prop_assert!(changed.check(leaf, head).is_err());
        let shorter = InclusionProof { index, hashes: good.hashes[1..].to_vec() };
        prop_assert!(shorter.check(leaf, head).is_err());
        let longer = [&good.hashes[..], &[leaf]].concat();
        let longer = InclusionProof { index, hashes: longer };
        prop_assert!(longer.check(leaf, head).is_err());
        prop_assert!(good.check(Digest::of(b"another"), head).is_err());
    }

    #[test]
    fn proofs_of_any_hashes_prove_nothing(
        index: u64,
        size: u64,
        hashes in vec(any::<[u8; 32]>(), 0..70),
    ) {
        let hashes: Vec<Digest> = hashes.into_iter().map(Digest::from_bytes).collect();
        let head = karat::tlog::TreeHead { size, root: Digest::of(b"root") };
        let old = karat::tlog::TreeHead { size: index, root: Digest::of(b"old") };
        let inclusion = InclusionProof { index, hashes: hashes.clone() };
        prop_assert!(inclusion.check(Digest::of(b"leaf"), head).is_err());
        let consistency = karat::tlog::ConsistencyProof { hashes };
        prop_assert!(consistency.check(old, head).is_err());
    }

    #[test]
    fn what_is_read_is_written_as_it_came(bytes in vec(any::<u8>(), 0..300), text: String) {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok(note) = Note::parse(bytes) {
                prop_assert_eq!(note.to_bytes(), bytes);
            }
            if let Ok(receipt) = Receipt::parse(bytes) {
                prop_assert_eq!(receipt.to_bytes(), bytes);
            }
            if let Ok(entries) = decode_bundle(bytes) {
                prop_assert_eq!(encode_bundle(&entries).unwrap(), bytes);
            }
        }
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_text(), text.clone());
        }
        if let Ok(key) = text.parse::<NoteKey>() {
            prop_assert_eq!(key.to_string(), text.clone());
        }
        prop_assert_eq!(Tile::parse(&text).map(|tile| tile.to_string()), Tile::parse(&text).map(|_| text));
    }

    #[test]
    fn tiles_cover_each_leaf_once(size in 0_u64..200_000) {
        let mut leaves = 0;
        let mut tiles = 0;
        for tile in tiles_of(size) {
            tiles += 1;
            prop_assert_eq!(Tile::parse(&tile.to_string()), Some(tile));
            if tile.kind == karat::tlog::TileKind::Hashes(0) {
                leaves += u64::from(tile.width);
            }
        }
        prop_assert_eq!(leaves, size);
        prop_assert!(tiles >= size.div_ceil(256) * 2);
    }
}

#[test]
fn an_entry_holds_an_envelope_in_its_one_spelling() {
    let file = envelope(b"payload".to_vec(), &[1]);
    let parsed = karat::envelope::Envelope::parse(&file).unwrap();
    for kind in [
        Kind::Signed,
        Kind::Trust,
        Kind::Revoke,
        Kind::Retire,
        Kind::Other("later"),
    ] {
        let bytes = kind.entry(&parsed).unwrap();
        let head = format!("karat-log/1 {}\n", kind.as_str());
        assert_eq!(bytes, [head.as_bytes(), &file].concat());
        let entry = Entry::parse(&bytes).unwrap();
        assert_eq!((entry.kind, entry.envelope), (kind, &file[..]));
    }
    for bytes in [
        &b""[..],
        b"karat-log/1 signed",
        b"karat-log/2 signed\n",
        b"karat-log/1 \xff\n",
    ] {
        assert_eq!(Entry::parse(bytes), None);
    }
}
