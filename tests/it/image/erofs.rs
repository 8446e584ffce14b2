//! EROFS: what erofs-utils and Linux make of our images, and what we make of theirs.

use std::io::Cursor;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use karat::image::erofs::{self, Compression, ErofsError, Options};
use karat::image::tar;
use karat::layout::erofs::{Image, ReadError};
use karat::path::ImagePath;
use karat::tree::{Content, Device, Kind, MemoryBlobs, Sealed, Tree};
use proptest::prelude::*;

use super::fixture::{Fixture, assert_same, epoch, is_root, odd_tree, origin, path, scan};
use super::round_trip::{build, step};
use crate::support::{Scratch, judge, not_for, skip};

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

/// Has `fsck.erofs` unpack an image, and compares; it knows no owners but root's, and no
/// attributes.
fn fsck(file: &Path, tree: &Tree<Sealed>) {
    let Some(fsck) = judge("fsck.erofs") else {
        return;
    };
    let out = file.with_extension("out");
    let mut command = fsck.command();
    command
        .arg(format!("--extract={}", out.display()))
        .arg(file);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("<E>"), "{said}");
    let unpacked = scan(&out).unwrap();
    for entry in tree
        .iter()
        .filter(|entry| matches!(entry.inode.kind, Kind::Regular(_) | Kind::Symlink(_)))
    {
        let found = unpacked.get(entry.path).map(|inode| &inode.kind);
        assert_eq!(found, Some(&entry.inode.kind), "{}", entry.path);
    }
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn erofs_utils_read_our_images() {
    let (tree, blobs) = everything(is_root()).seal();
    let scratch = Scratch::new("erofs-fsck");
    for compression in BOTH {
        let file = scratch.join("image.erofs");
        std::fs::write(&file, write(&tree, &blobs, compression)).unwrap();
        fsck(&file, &tree);
        let Some(dump) = judge("dump.erofs") else {
            return;
        };
        let output = dump.command().arg("-s").arg(&file).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("07070707-0707"),
            "{text}"
        );
        let output = dump
            .command()
            .arg("--path=/bin/a-tool")
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Mounts an image and gives what Linux shows of it; `None` where this machine cannot.
fn mounted<T>(file: &Path, look: impl FnOnce(&Path) -> T) -> Option<T> {
    let mount = judge("mount")?;
    if !is_root() {
        not_for("an ordinary user, who may not mount");
        return None;
    }
    let at = file.with_extension("mnt");
    std::fs::create_dir_all(&at).unwrap();
    let mut command = mount.command();
    command
        .args(["-t", "erofs", "-o", "ro,loop"])
        .arg(file)
        .arg(&at);
    let output = command.output().unwrap();
    if !output.status.success() {
        skip(&format!(
            "no EROFS here: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
        return None;
    }
    let found = look(&at);
    assert!(Command::new("umount").arg(&at).status().unwrap().success());
    Some(found)
}

#[test]
fn linux_shows_the_same_tree() {
    let mut fixture = everything(true);
    fixture.xattr("/sizes", "user.large", &vec![b'l'; 65_535]);
    fixture.xattr("/sizes", "trusted.seen", b"by root");
    let (tree, blobs) = fixture.seal();
    let scratch = Scratch::new("erofs-mount");
    for compression in BOTH {
        let file = scratch.join("image.erofs");
        std::fs::write(&file, write(&tree, &blobs, compression)).unwrap();
        if let Some(shown) = mounted(&file, |at| scan(at).unwrap()) {
            assert_same(&with_one_time(&tree), &shown);
        }
    }
}

#[test]
fn a_hundred_thousand_names_and_four_gigabytes_of_zeros() {
    struct Zeros(Content);
    impl karat::tree::Blobs for Zeros {
        fn open(&self, _: &Content) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            use std::io::Read as _;
            Ok(Box::new(std::io::repeat(0).take(self.0.size)))
        }
    }
    let mut fixture = Fixture::new(true);
    fixture.directory("/many");
    for number in 0..100_000 {
        fixture.add(format!("/many/{number}"), Kind::Fifo, 0o600);
    }
    let mut hasher = karat::digest::Hasher::new();
    let size = (4_u64 << 30) + 5;
    let block = vec![0; 1 << 20];
    (0..4096).for_each(|_| hasher.update(&block));
    hasher.update(&block[..5]);
    let content = Content {
        digest: hasher.finish(),
        size,
    };
    fixture.add("/zeros", Kind::Regular(content), 0o600);
    let (tree, _) = fixture.seal();
    let scratch = Scratch::new("erofs-large");
    let file = scratch.join("image.erofs");
    let options = options(Compression::Lz4, 2);
    let sink = std::fs::File::create(&file).unwrap();
    let (_, written) = erofs::write(&tree, &Zeros(content), &options, sink).unwrap();
    assert!(written.size < 64 << 20, "{}", written.size);
    let bytes = std::fs::read(&file).unwrap();
    assert_same(&with_one_time(&tree), &read(&bytes).unwrap());
    let shown = mounted(&file, |at| {
        let count = std::fs::read_dir(at.join("many")).unwrap().count();
        let is_found = at.join("many/99999").symlink_metadata().is_ok();
        let mut input = std::fs::File::open(at.join("zeros")).unwrap();
        let mut hasher = karat::digest::HashingWriter::new(std::io::sink());
        std::io::copy(&mut input, &mut hasher).unwrap();
        let (_, digest, size) = hasher.finish();
        (count, is_found, Content { digest, size })
    });
    assert!(shown.is_none_or(|shown| shown == (100_000, true, content)));
}

/// A tree on the disk, and what came of reading the image that somebody made of it.
type Made = (Tree<Sealed>, Result<Tree<Sealed>, ErofsError>);

/// Reads an image that `mkfs.erofs` made of a tree on the disk.
fn made(arguments: &[&str]) -> Option<Made> {
    let mkfs = judge("mkfs.erofs")?;
    let scratch = Scratch::new("erofs-mkfs");
    let (tree, blobs) = everything(is_root()).seal();
    let unpacked = scratch.join("tree");
    std::fs::create_dir(&unpacked).unwrap();
    let tar = scratch.join("tree.tar");
    std::fs::write(&tar, tar::write(&tree, &blobs, Vec::new()).unwrap().0).unwrap();
    let mut command = judge("tar")?.command();
    command.args([
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "-xpf",
    ]);
    command.arg(&tar).arg("-C").arg(&unpacked);
    assert!(command.status().unwrap().success());
    let file = scratch.join("image.erofs");
    let mut command = mkfs.command();
    command
        .arg(format!("-T{}", epoch().seconds()))
        .args(arguments);
    let output = command.arg(&file).arg(&unpacked).output().unwrap();
    if !output.status.success() {
        not_for(&format!(
            "mkfs.erofs {arguments:?}: this one does not know it"
        ));
        return None;
    }
    Some((tree, read(&std::fs::read(&file).unwrap())))
}

#[test]
fn images_of_mkfs_erofs_are_read() {
    for arguments in [
        &[][..],
        &["-zlz4"],
        &["-zlz4hc"],
        &["-zlz4", "-C65536"],
        &["-zlz4", "-Eztailpacking"],
        &["-zlz4hc", "-C65536", "-Eztailpacking"],
        &["--chunksize=4096"],
        &["--chunksize=65536"],
        &["-Eforce-inode-extended"],
        &["-Enoinline_data"],
        &["-Enosbcrc"],
    ] {
        let Some((tree, read)) = made(arguments) else {
            continue;
        };
        let read = read.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert_same(&with_one_time(&tree), &with_one_time(&read));
    }
}

#[test]
fn forms_that_are_not_read_are_refused_by_name() {
    for arguments in [
        &["-zlz4", "-Elegacy-compress"][..],
        &["-zlz4", "-Efragments"],
        &["-zlz4", "-Ededupe"],
        &["-zlzma"],
        &["-b1024"],
    ] {
        let Some((_, read)) = made(arguments) else {
            continue;
        };
        let error = read.unwrap_err();
        let is_named = matches!(error, ErofsError::Read(ReadError::Unsupported(_)));
        assert!(is_named, "{arguments:?}: {error}");
    }
}

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
