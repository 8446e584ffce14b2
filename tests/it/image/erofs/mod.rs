//! EROFS: what is written is what is read.

mod hostile;
mod judges;

use std::io::Cursor;
use std::num::NonZero;

use karat::image::erofs::{self, Compression, ErofsError, Options};
use karat::image::tar;
use karat::path::ImagePath;
use karat::tree::{Blobs, Content, Device, Kind, MemoryBlobs, Sealed, Tree};
use proptest::prelude::*;

use super::fixture::{Fixture, assert_same, epoch, odd_tree, origin};
use super::round_trip::{build, step};

const BOTH: [Compression; 2] = [Compression::None, Compression::Lz4];

fn options(compression: Compression, threads: usize) -> Options {
    Options {
        uuid: [7; 16],
        label: erofs::label("test"),
        compression,
        threads: NonZero::new(threads).unwrap(),
    }
}

fn write(tree: &Tree<Sealed>, blobs: &MemoryBlobs, compression: Compression) -> Vec<u8> {
    let sink = Cursor::new(Vec::new());
    let (sink, written) = erofs::write(tree, blobs, &options(compression, 2), sink).unwrap();
    let bytes = sink.into_inner();
    assert_eq!(written.size, bytes.len() as u64);
    bytes
}

fn read(bytes: &[u8]) -> Result<Tree<Sealed>, ErofsError> {
    let threads = NonZero::new(2).unwrap();
    let bytes = bytes.to_vec();
    let (tree, _) = erofs::read(&bytes, epoch(), &origin(), &mut tar::keep_nothing, threads)?;
    Ok(tree.seal().unwrap())
}

/// The tree as EROFS keeps it: all times are one.
fn with_one_time(tree: &Tree<Sealed>) -> Tree<Sealed> {
    let mut tree = tree.clone().reopen();
    let paths: Vec<ImagePath> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        tree.get_mut(&path).unwrap().stat.mtime = epoch().seconds();
    }
    tree.seal().unwrap()
}

/// The tree with attributes in the namespace of users.
fn with_namespaces(tree: &Tree<Sealed>) -> Tree<Sealed> {
    let mut tree = tree.clone().reopen();
    let paths: Vec<ImagePath> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let xattrs = &mut tree.get_mut(&path).unwrap().xattrs;
        for (name, value) in std::mem::take(xattrs) {
            let name = name.strip_prefix(b"user.").unwrap_or(&name);
            xattrs.insert([b"user.", name].concat(), value);
        }
    }
    tree.seal().unwrap()
}

/// Bytes that look like text, those that do not, and zeros.
fn sample(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut bytes = Vec::new();
    while bytes.len() < length {
        match next() % 5 {
            0 => bytes.extend((0..next() % 9000).map(|_| (next() >> 7).to_le_bytes()[0])),
            1 => bytes.resize(bytes.len() + (next() % 70_000) as usize, 0),
            _ => {
                for _ in 0..next() % 3000 {
                    bytes.extend_from_slice(format!("word{} ", next() % 700).as_bytes());
                }
            }
        }
    }
    bytes.truncate(length);
    bytes
}

/// Everything that the format may stumble over.
fn everything(as_root: bool) -> Fixture {
    let mut fixture = odd_tree(as_root);
    // Sizes around blocks, pieces and what stands behind an inode.
    fixture.directory("/sizes");
    let sizes = [
        0, 1, 31, 3000, 4031, 4064, 4065, 4095, 4096, 4097, 8191, 8192, 12_000, 65_535,
    ];
    let large = [
        100_000,
        700_000,
        2 << 20,
        (2 << 20) + 1,
        (4 << 20) + 4095,
        5_000_000,
    ];
    for (seed, size) in (1..).zip(sizes.into_iter().chain(large)) {
        fixture.file(format!("/sizes/mixed-{size}"), sample(seed, size));
        fixture.file(format!("/sizes/zeros-{size}"), vec![0; size]);
        let mut noise = sample(seed, size);
        for (place, byte) in noise.iter_mut().enumerate() {
            let [added, ..] = ((place * place) >> 7).to_le_bytes();
            let [turned, ..] = ((place * 167) >> 3).to_le_bytes();
            *byte = byte.wrapping_add(added) ^ turned;
        }
        fixture.file(format!("/sizes/noise-{size}"), noise);
    }
    // Directories around blocks; names before `.`; deep ones; long names.
    for count in [1, 150, 151, 152, 1000] {
        let directory = format!("/entries-{count}");
        fixture.directory(&directory);
        for number in 0..count {
            fixture.symlink(format!("{directory}/{number:015}"), "target");
        }
    }
    fixture
        .directory("/!before")
        .file("/!before/-x", "x")
        .directory("/!before/ ");
    let mut deep = String::new();
    for _ in 0..100 {
        deep.push_str("/deep");
        fixture.directory(&deep);
    }
    fixture.directory("/long");
    for letter in ["a", "b", "c"] {
        fixture.file(format!("/long/{}", letter.repeat(255)), letter);
    }
    fixture.symlink("/long/link", "t".repeat(4095));
    // A directory sorts before what it holds, and after a sibling with a smaller byte.
    fixture
        .directory("/order")
        .directory("/order/a")
        .file("/order/a/x", "1")
        .file("/order/a-b", "2");
    fixture
}

#[test]
fn a_tree_written_and_read_is_the_same_tree() {
    let mut fixture = everything(true);
    fixture
        .add("/socket", Kind::Socket, 0o600)
        .add(
            "/device",
            Kind::CharDevice(Device {
                major: 4095,
                minor: 1_048_575,
            }),
            0o600,
        )
        .file("/far", "owned by somebody far away")
        .change("/far", |inode| {
            (inode.stat.uid, inode.stat.gid) = (u32::MAX - 1, 70_000);
        });
    for number in 0..40 {
        fixture.xattr("/far", &format!("user.attribute-{number}"), &[b'v'; 200]);
    }
    fixture.xattr("/far", "user.large", &vec![b'l'; 65_535]);
    fixture.xattr("/", "user.root", &[b'r'; 3000]);
    let (tree, blobs) = fixture.seal();
    let mut sizes = Vec::new();
    for compression in BOTH {
        let bytes = write(&tree, &blobs, compression);
        assert_same(&with_one_time(&tree), &read(&bytes).unwrap());
        sizes.push(bytes.len());
        for threads in [1, 3, 8] {
            let sink = Cursor::new(Vec::new());
            let options = options(compression, threads);
            let (sink, _) = erofs::write(&tree, &blobs, &options, sink).unwrap();
            assert!(sink.into_inner() == bytes, "{threads} threads");
        }
    }
    assert!(sizes[1] * 2 < sizes[0], "{sizes:?}");
}

#[test]
fn an_image_starts_where_its_sink_stands() {
    let (tree, blobs) = odd_tree(true).seal();
    let alone = write(&tree, &blobs, Compression::Lz4);
    let mut sink = Cursor::new(vec![1; 5000]);
    sink.set_position(5000);
    let options = options(Compression::Lz4, 1);
    let (sink, _) = erofs::write(&tree, &blobs, &options, sink).unwrap();
    let bytes = sink.into_inner();
    assert!(bytes[..5000].iter().all(|byte| *byte == 1));
    assert!(bytes[5000..] == alone);
}

#[test]
fn the_first_block_may_come_apart() {
    let (tree, blobs) = everything(true).seal();
    for compression in BOTH {
        let whole = write(&tree, &blobs, compression);
        let options = options(compression, 2);
        let made = erofs::write_behind_first(&tree, &blobs, &options, Vec::new()).unwrap();
        let (rest, erofs::First(first), written) = made;
        assert_eq!(written.size, whole.len() as u64);
        assert!([first.as_slice(), &rest].concat() == whole);
    }
}

#[test]
fn contents_that_are_not_those_of_the_tree_are_refused() {
    /// Has for one content the bytes of another.
    struct Swapped(MemoryBlobs, [Content; 2]);
    impl Blobs for Swapped {
        fn open(&self, content: &Content) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            let Self(blobs, [asked, given]) = self;
            blobs.open(if content == asked { given } else { content })
        }
    }
    // In one piece with other files, in one of its own, in several.
    for size in [100, 2 << 20, 5_000_000] {
        let bytes = sample(7, size);
        let mut others = bytes.clone();
        others[size / 2] ^= 1;
        let longer = [bytes.as_slice(), b"x"].concat();
        let shorter = bytes[1..].to_vec();
        for given in [others, longer, shorter] {
            let contents = [Content::of(&bytes), Content::of(&given)];
            let mut fixture = Fixture::new(true);
            fixture
                .file("/a", "before")
                .file("/false", bytes.clone())
                .file("/given", given)
                .file("/last", "behind");
            let (tree, blobs) = fixture.seal();
            for compression in BOTH {
                let blobs = Swapped(blobs.clone(), contents);
                let sink = Cursor::new(Vec::new());
                let written = erofs::write(&tree, &blobs, &options(compression, 2), sink);
                let error = written.unwrap_err().to_string();
                assert!(error.starts_with("/false: its stored bytes"), "{error}");
            }
        }
    }
}

#[test]
fn the_uuid_is_one_of_version_8() {
    let uuid = erofs::uuid(&karat::digest::Digest::of(b"image"));
    assert_eq!((uuid[6] >> 4, uuid[8] >> 6), (8, 2));
    assert_ne!(uuid, erofs::uuid(&karat::digest::Digest::of(b"other")));
}

#[test]
fn what_erofs_cannot_hold_is_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Fixture)| {
        let mut fixture = Fixture::new(true);
        fixture.file("/file", "bytes");
        change(&mut fixture);
        let (tree, blobs) = fixture.seal();
        let options = options(Compression::None, 1);
        let written = erofs::write(&tree, &blobs, &options, Cursor::new(Vec::new()));
        written.unwrap_err().to_string()
    };
    let error = refused(&|it| {
        it.xattr("/file", "system.nfs4_acl", b"x");
    });
    assert!(error.contains("\"system.nfs4_acl\""), "{error}");
    let error = refused(&|it| {
        it.xattr("/file", "user.large", &vec![0; 65_536]);
    });
    assert!(error.contains("65,535"), "{error}");
    let device = |major, minor| Kind::BlockDevice(Device { major, minor });
    let error = refused(&|it| {
        it.add("/device", device(4096, 0), 0o600);
    });
    assert!(error.starts_with("/device: "), "{error}");
    let error = refused(&|it| {
        it.add("/device", device(0, 1 << 20), 0o600);
    });
    assert!(error.starts_with("/device: "), "{error}");
    // A content that nobody has, or that is another.
    let kind = || Kind::Regular(Content::of(b"nowhere"));
    let error = refused(&|it| {
        it.add("/gone", kind(), 0o600);
    });
    assert!(error.starts_with("/gone: cannot read"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_tree_survives(steps in prop::collection::vec(step(), 0..40)) {
        let (tree, blobs) = build(&steps);
        let tree = with_one_time(&with_namespaces(&tree));
        for compression in BOTH {
            assert_same(&tree, &read(&write(&tree, &blobs, compression)).unwrap());
        }
    }
}
