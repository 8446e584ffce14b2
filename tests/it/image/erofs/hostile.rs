//! Images that were changed.

use karat::image::erofs::Compression;
use karat::layout::erofs::Image;

use super::super::fixture::{Fixture, odd_tree, path};
use super::{read, sample, write};

/// A small image whose bytes a test changes, and what reading says then.
fn hostile(compression: Compression, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut fixture = Fixture::new(true);
    fixture
        .directory("/etc")
        .file("/etc/text", sample(5, 60_000))
        .file("/etc/short", "short")
        .link("/etc/other", "/etc/short")
        .directory("/etc/below");
    let (tree, blobs) = fixture.seal();
    let mut bytes = write(&tree, &blobs, compression);
    change(&mut bytes);
    // What is damaged on purpose is not what the checksum is for.
    bytes[1024 + 8] &= !1;
    match read(&bytes) {
        Ok(_) => "read".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Where `name` stands in a directory: the number of its entry's first byte.
fn entry_of(bytes: &[u8], name: &str) -> usize {
    let image = bytes.to_vec();
    let image = Image::open(&image).unwrap();
    let mut walk = image.reader().walk();
    let mut nid = None;
    while let Some(entry) = walk.next().unwrap() {
        if entry.path == path(name) {
            nid = Some(entry.inode.nid.to_le_bytes());
        }
    }
    let nid = nid.unwrap();
    let places = (1..bytes.len() / 4).map(|place| place * 4);
    let mut places = places.filter(|place| bytes[*place..].starts_with(&nid));
    places.next().unwrap()
}

#[test]
fn loops_and_false_names_are_found() {
    assert_eq!(hostile(Compression::None, |_| {}), "read");
    let root = 37_u64.to_le_bytes();
    let error = hostile(Compression::None, |bytes| {
        let at = entry_of(bytes, "/etc/below");
        bytes[at..at + 8].copy_from_slice(&root);
    });
    assert!(error.contains("another path"), "{error}");
    let error = hostile(Compression::None, |bytes| {
        let (short, text) = (entry_of(bytes, "/etc/short"), entry_of(bytes, "/etc/text"));
        bytes.copy_within(text..text + 8, short);
    });
    assert!(error.contains("more names"), "{error}");
    let error = hostile(Compression::None, |bytes| {
        let at = entry_of(bytes, "/etc/below");
        bytes[at + 10] = 1;
    });
    assert!(error.contains("another type"), "{error}");
    let error = hostile(Compression::None, |bytes| {
        let at = bytes.windows(5).position(|part| part == b"below").unwrap();
        bytes[at..at + 5].copy_from_slice(b"zelow");
    });
    assert!(error.contains("not sorted"), "{error}");
    let error = hostile(Compression::None, |bytes| bytes[1024 + 80] |= 0x20);
    assert!(error.contains("fragments"), "{error}");
    let error = hostile(Compression::None, |bytes| bytes[1024 + 8] |= 4);
    assert!(error.contains("filter"), "{error}");
    let error = hostile(Compression::None, |bytes| bytes.truncate(4096));
    assert!(error.contains("more blocks"), "{error}");
}

#[test]
fn the_checksum_guards_the_first_block() {
    let (tree, blobs) = odd_tree(true).seal();
    let mut bytes = write(&tree, &blobs, Compression::Lz4);
    bytes[1024 + 64] ^= 1;
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
}
