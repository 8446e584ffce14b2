//! What erofs-utils and Linux make of our images, and what we make of theirs.

use std::path::Path;
use std::process::Command;

use karat::image::erofs::{self, Compression, ErofsError};
use karat::image::tar;
use karat::layout::erofs::ReadError;
use karat::tree::{Content, Kind, Sealed, Tree};

use super::super::fixture::{Fixture, assert_same, epoch, is_root, scan};
use super::{BOTH, everything, options, read, with_one_time, write};
use crate::support::{Scratch, judge, not_for, skip};

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
