//! dm-verity: trees, superblocks, reading by a root hash.

use std::io::Write;
use std::num::NonZero;

use karat::digest::Digest;
use karat::image::verity::{BehindFirst, Tree, VerityWriteError, Writer};
use karat::layout::verity::{Checked, Verity, VerityError};
use karat::layout::{Source, SourceError, Uuid};

use super::fixture::{agrees, noise, write};
use crate::support::{Scratch, judge};

const BLOCK: usize = 4096;
const UUID: Uuid = Uuid::from_bytes([
    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01,
]);

fn salt() -> Digest {
    Verity::salt_of(&Digest::of(b"inputs"))
}

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap()
}

/// The tree over `data`, written in pieces of `piece` bytes, and its file.
fn tree(data: &[u8], count: usize, piece: usize) -> (Tree, Vec<u8>) {
    let mut writer = Writer::new(salt(), threads(count), Vec::new()).unwrap();
    for piece in data.chunks(piece) {
        writer.write_all(piece).unwrap();
    }
    let (passed, tree) = writer.finish().unwrap();
    assert!(passed == data, "it passes through");
    let mut file = Vec::new();
    tree.write(UUID, &mut file).unwrap();
    assert_eq!(file.len() as u64, tree.size());
    (tree, file)
}

/// The same by the definition, block by block: the kernel's documentation, written down once more.
fn by_definition(data: &[u8]) -> (Digest, Vec<u8>) {
    let hash = |block: &[u8]| Digest::of(&[salt().as_bytes().as_slice(), block].concat());
    let mut levels: Vec<Vec<u8>> = Vec::new();
    let mut below = data.to_vec();
    while below.len() > BLOCK {
        let mut level: Vec<u8> = below
            .chunks(BLOCK)
            .flat_map(|block| *hash(block).as_bytes())
            .collect();
        level.resize(level.len().next_multiple_of(BLOCK), 0);
        below.clone_from(&level);
        levels.push(level);
    }
    levels.reverse();
    (hash(&below), levels.concat())
}

#[test]
fn trees_are_as_defined_whatever_the_threads_and_the_writes() {
    for blocks in [1, 2, 3, 127, 128, 129, 300] {
        let data = noise(3, blocks * BLOCK);
        let (root, hashes) = by_definition(&data);
        for (count, piece) in [(1, usize::MAX), (2, 1_000_003), (5, 4096)] {
            let (tree, file) = tree(&data, count, piece.min(data.len()));
            assert_eq!(tree.verity().root(), root, "{blocks} blocks");
            assert_eq!(tree.verity().blocks(), blocks as u64);
            assert!(file[BLOCK..] == hashes, "{blocks} blocks");
            let checked = Checked::new(tree.verity(), &data, &file).unwrap();
            assert_eq!(checked.uuid(), UUID);
            checked.check(threads(count)).unwrap();

            let (first, rest) = data.split_first_chunk().unwrap();
            let mut writer = BehindFirst::new(salt(), threads(count), Vec::new()).unwrap();
            rest.chunks(piece.min(data.len()))
                .for_each(|piece| writer.write_all(piece).unwrap());
            let (passed, apart) = writer.finish(first).unwrap();
            assert!(
                passed == rest && apart == tree,
                "the first block may come last"
            );
        }
    }
}

#[test]
fn what_has_no_tree_is_said() {
    let writer = |bytes: &[u8]| {
        let mut writer = Writer::new(salt(), threads(2), Vec::new()).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().map(drop).unwrap_err()
    };
    assert!(matches!(writer(&[]), VerityWriteError::Blocks(_)));
    assert!(matches!(writer(&[0; 100]), VerityWriteError::Part(100)));
    assert!(matches!(writer(&[0; 4097]), VerityWriteError::Part(1)));
}

#[test]
fn any_change_is_found_wherever_it_is() {
    let data = noise(5, 300 * BLOCK);
    let (tree, file) = tree(&data, 1, BLOCK);
    let verity = tree.verity();
    let check = |data: &Vec<u8>, file: &Vec<u8>| {
        let checked = Checked::new(verity, data, file)?;
        let (one, three) = (checked.check(threads(1)), checked.check(threads(3)));
        assert_eq!(
            one.as_ref().err().map(ToString::to_string),
            three.err().map(|error| error.to_string()),
            "the same for any number of threads"
        );
        one
    };
    for block in [0, 1, 127, 128, 255, 299] {
        let mut other = data.clone();
        other[block * BLOCK + 17] ^= 4;
        // A later one is not what is reported.
        other[299 * BLOCK + 4000] ^= 1;
        let error = check(&other, &file).unwrap_err();
        assert!(
            matches!(error, VerityError::Data(at) if at == block as u64),
            "{error}"
        );
        let checked = Checked::new(verity, &other, &file).unwrap();
        assert!(checked.block(block as u64).is_err());
        assert!(checked.block(5).is_ok());
    }
    // The top, three blocks over the data; the padding of the last counts as well.
    for (block, level) in [(1, 1), (2, 0), (3, 0), (4, 0)] {
        for at in [0, 4095] {
            let mut other = file.clone();
            other[block * BLOCK + at] ^= 0x80;
            let error = check(&data, &other).unwrap_err();
            let is_it = matches!(error, VerityError::Hashes { level: found, .. } if found == level);
            assert!(is_it, "{block}: {error}");
        }
    }
    for (at, wanted) in [
        (0, "Magic"),
        (8, "Kind"),
        (72, "Differs"),
        (88, "Differs"),
        (600, "Kind"),
    ] {
        let mut other = file.clone();
        other[at] ^= 1;
        let error = check(&data, &other).unwrap_err();
        assert!(format!("{error:?}").starts_with(wanted), "{at}: {error:?}");
    }
    let short = data[..299 * BLOCK].to_vec();
    assert!(matches!(
        check(&short, &file),
        Err(VerityError::Short { what: "data", .. })
    ));
    let short = file[..4 * BLOCK].to_vec();
    assert!(matches!(
        check(&data, &short),
        Err(VerityError::Short { what: "tree", .. })
    ));
}

#[test]
fn one_block_of_data_is_its_own_tree() {
    let data = noise(1, BLOCK);
    let (tree, file) = tree(&data, 1, BLOCK);
    assert_eq!(file.len(), BLOCK);
    let checked = Checked::new(tree.verity(), &data, &file).unwrap();
    assert_eq!(checked.block(0).unwrap().to_vec(), data);
    assert!(matches!(checked.block(1), Err(VerityError::Behind(1))));
    let other = noise(2, BLOCK);
    let checked = Checked::new(tree.verity(), &other, &file).unwrap();
    assert!(matches!(
        checked.check(threads(1)),
        Err(VerityError::Data(0))
    ));
}

#[test]
fn reading_gives_what_was_signed_or_nothing() {
    let data = noise(9, 260 * BLOCK);
    let (tree, file) = tree(&data, 2, BLOCK);
    let mut other = data.clone();
    other[130 * BLOCK] ^= 1;
    let checked = Checked::new(tree.verity(), &other, &file).unwrap();
    assert_eq!(checked.size(), data.len() as u64);
    for (offset, length) in [
        (0, 0),
        (0, 1),
        (1, 4095),
        (4095, 2),
        (100, 50_000),
        (200 * BLOCK, 3 * BLOCK),
        (127 * BLOCK, BLOCK),
        (129 * BLOCK + 1, 4095),
        (259 * BLOCK, BLOCK),
    ] {
        let mut part = vec![0; length];
        let read = checked.read_at(offset as u64, &mut part);
        // What shares a block of hashes with the changed one may be refused with it.
        match read {
            Ok(()) => assert!(part == data[offset..offset + length]),
            Err(SourceError::Io { error, .. }) => {
                assert!(offset + length > 128 * BLOCK, "{offset}: {error}");
                assert!(error.to_string().contains("block 130 "), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    let mut part = vec![0; 2];
    let end = data.len() as u64;
    for offset in [end - 1, end, u64::MAX] {
        let error = checked.read_at(offset, &mut part).unwrap_err();
        assert!(matches!(error, SourceError::Outside { .. }));
    }
}

/// veritysetup writes the same bytes, verifies ours, and reads our superblock.
#[test]
fn veritysetup_agrees() {
    let Some(veritysetup) = judge("veritysetup") else {
        return;
    };
    let scratch = Scratch::new("veritysetup");
    let (data_file, theirs, ours) = (
        scratch.join("data"),
        scratch.join("theirs"),
        scratch.join("ours"),
    );
    // The last one has a third level.
    for blocks in [1, 2, 128, 129, 16_385] {
        let some = blocks.min(129);
        let mut data = noise(blocks as u64, some * BLOCK).repeat(blocks.div_ceil(some));
        data.truncate(blocks * BLOCK);
        let (tree, file) = tree(&data, 2, 1 << 20);
        let root = tree.verity().root().to_string();
        write(&data_file, &data);
        write(&ours, &file);
        std::fs::remove_file(&theirs).ok();
        let said = agrees(
            veritysetup
                .command()
                .arg("format")
                .args([&data_file, &theirs])
                .arg(format!("--salt={}", tree.verity().salt()))
                .arg(format!("--uuid={UUID}")),
        );
        assert!(said.contains(&root), "{said}");
        assert!(std::fs::read(&theirs).unwrap() == file, "{blocks} blocks");
        agrees(
            veritysetup
                .command()
                .arg("verify")
                .args([&data_file, &ours])
                .arg(&root),
        );
        let said = agrees(veritysetup.command().arg("dump").arg(&ours));
        assert!(said.contains(&UUID.to_string()), "{said}");
    }
}
