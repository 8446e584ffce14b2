//! Images of anybody: archives, layouts, compression, sums.

use std::io::{self, Cursor, Read};
use std::num::NonZero;

use karat::digest::Digest;
use karat::image::compress::{Compression, Decoder, Encoder};
use karat::image::disk::{Container, Identity, Job};
use karat::image::erofs;
use karat::image::oci::{self, Files, Image};
use karat::image::sums::Sums;
use karat::image::tar;
use karat::layout::erofs as layout;
use karat::limits;
use karat::path::ImagePath;
use karat::progress::Silent;
use karat::tlog::decode_bundle;
use karat::tree::{MemoryBlobs, Mode, Open, Tree};

use super::seeds::texts;
use crate::image::fixture::{Fixture, acl, epoch, origin};

const ONE: NonZero<usize> = NonZero::<usize>::MIN;

/// What is read of an archive has one canonical spelling, which reads the same.
pub fn image_tar(bytes: &[u8]) {
    if let Ok((tree, blobs)) = tar::read(bytes, epoch(), &origin(), &mut |_, size| size < 1 << 16) {
        settles(tree, &blobs);
    }
}

fn settles(tree: Tree<Open>, blobs: &MemoryBlobs) {
    let Ok(tree) = tree.seal() else {
        return;
    };
    let Ok((bytes, _)) = tar::write(&tree, blobs, Vec::new()) else {
        // Contents of larger files were not kept.
        return;
    };
    let read = tar::read(bytes.as_slice(), epoch(), &origin(), &mut |_, _| true);
    let (again, blobs) = read.unwrap();
    let (written, _) = tar::write(&again.seal().unwrap(), &blobs, Vec::new()).unwrap();
    assert!(written == bytes, "a second spelling of one tree");
}

fn small() -> Fixture {
    let mut tree = Fixture::new(true);
    tree.directory("/etc")
        .file("/etc/hosts", "127.0.0.1 localhost\n")
        .symlink("/etc/link", "hosts")
        .link("/etc/hard", "/etc/hosts")
        .file(format!("/etc/{}", "n".repeat(200)), "long")
        .xattr("/etc/hosts", "user.comment", b"raw \0 bytes")
        .xattr("/etc/hosts", "system.posix_acl_access", &acl());
    tree
}

fn written() -> Vec<u8> {
    let (tree, blobs) = small().seal();
    tar::write(&tree, &blobs, Vec::new()).unwrap().0
}

pub fn tar_seeds() -> Vec<Vec<u8>> {
    vec![written(), vec![0; 1024]]
}

/// What is read of an image has one canonical spelling, which reads the same.
pub fn erofs(bytes: &[u8]) {
    // Bytes that are changed are not those that the checksum was made of.
    let mut bytes = bytes.to_vec();
    if let Some(features) = bytes.get_mut(1024 + 8) {
        *features &= !1;
    }
    // An image may say that a file has far more bytes than it has itself: what verifies one reads
    // them all, and takes its time.
    let Ok(image) = layout::Image::open(&bytes) else {
        return;
    };
    let (mut walk, mut size) = (image.reader().walk(), 0_u64);
    while let Ok(Some(entry)) = walk.next() {
        size = size.saturating_add(entry.inode.size);
    }
    if size > 8 << 20 {
        return;
    }
    let read = |bytes: &Vec<u8>| erofs::read(bytes, epoch(), &origin(), &mut |_, _| true, ONE);
    let Ok((tree, blobs)) = read(&bytes) else {
        return;
    };
    let Ok(tree) = tree.seal() else { return };
    for compression in [erofs::Compression::None, erofs::Compression::Lz4] {
        let options = erofs::Options {
            uuid: [0; 16],
            label: [0; 16],
            compression,
            threads: ONE,
        };
        let write = |tree, blobs: &MemoryBlobs| {
            let sink = Cursor::new(Vec::new());
            erofs::write(tree, blobs, &options, sink).map(|(sink, _)| sink.into_inner())
        };
        let Ok(bytes) = write(&tree, &blobs) else {
            return;
        };
        let (again, blobs) = read(&bytes).unwrap();
        let again = again.seal().unwrap();
        assert!(
            write(&again, &blobs).unwrap() == bytes,
            "a second spelling of one tree"
        );
    }
}

pub fn erofs_seeds() -> Vec<Vec<u8>> {
    let mut fixture = small();
    let text: String = (0..3000)
        .map(|number| format!("{} ", number % 97))
        .collect();
    fixture
        .file("/etc/text", text)
        .file("/etc/zeros", vec![0; 20_000])
        .directory("/etc/below");
    for number in 0..200 {
        fixture.add(
            format!("/etc/below/{number:020}"),
            karat::tree::Kind::Fifo,
            0o600,
        );
    }
    let (tree, blobs) = fixture.seal();
    let write = |compression| {
        let options = erofs::Options {
            uuid: [0; 16],
            label: [0; 16],
            compression,
            threads: ONE,
        };
        let sink = Cursor::new(Vec::new());
        erofs::write(&tree, &blobs, &options, sink)
            .unwrap()
            .0
            .into_inner()
    };
    vec![
        write(erofs::Compression::None),
        write(erofs::Compression::Lz4),
    ]
}

/// Not a byte more comes out than the cap says.
pub fn compressed(bytes: &[u8]) {
    const CAP: u64 = 1 << 16;
    let mut out = Vec::new();
    if let Ok(mut decoder) = Decoder::detect(bytes, CAP) {
        drop(decoder.read_to_end(&mut out));
    }
    assert!(u64::try_from(out.len()).unwrap() <= CAP);
}

pub fn compressed_seeds() -> Vec<Vec<u8>> {
    let with = |compression, bytes: &[u8]| {
        let mut encoder = Encoder::new(compression, ONE, Vec::new()).unwrap();
        io::copy(&mut Cursor::new(bytes), &mut encoder).unwrap();
        encoder.finish().unwrap()
    };
    [Compression::Gzip, Compression::Zstd]
        .into_iter()
        .flat_map(|one| [with(one, b"text text text"), with(one, &[0; 1 << 17])])
        .collect()
}

/// The segments of a layout: `index.json`, then blobs. `@N@` stands for the digest of segment N, and
/// `#N#` for its length, so that changed bytes are still those that were named.
struct Segments(Vec<Vec<u8>>);

impl Segments {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut segments: Vec<Vec<u8>> = decode_bundle(bytes)
            .ok()?
            .into_iter()
            .map(<[u8]>::to_vec)
            .collect();
        if segments.len() > 8 {
            return None;
        }
        for index in (1..segments.len()).rev() {
            let digest = Digest::of(&segments[index]).to_string();
            let length = segments[index].len().to_string();
            for segment in &mut segments[..index] {
                replace(segment, &format!("@{index}@"), &digest);
                replace(segment, &format!("#{index}#"), &length);
            }
        }
        Some(Self(segments))
    }
}

fn replace(segment: &mut Vec<u8>, from: &str, to: &str) {
    while let Some(at) = segment
        .windows(from.len())
        .position(|part| part == from.as_bytes())
    {
        segment.splice(at..at + from.len(), to.bytes());
    }
}

impl Files for Segments {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        assert!(!path.contains("..") && !path.starts_with('/'));
        let found = match path {
            "index.json" => self.0.first(),
            "oci-layout" => return Ok(Box::new(&br#"{"imageLayoutVersion":"1.0.0"}"#[..])),
            _ => self
                .0
                .iter()
                .find(|one| oci::blob_path(&Digest::of(one)) == path),
        };
        let bytes = found.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(bytes.as_slice()))
    }
}

/// An image that opens has the documents that its digests name, and a tree with one spelling.
pub fn oci(bytes: &[u8]) {
    let Some(files) = Segments::of(bytes) else {
        return;
    };
    let Ok(image) = Image::open(&files, None) else {
        return;
    };
    let named = files.0.iter().any(|one| Digest::of(one) == image.digest());
    assert!(named);
    assert!(image.manifest.layers.len() <= limits::OCI_LAYERS_MAX);
    if let Ok((tree, blobs)) = image.read(&files, epoch(), &origin(), &mut |_, size| size < 1 << 16)
    {
        settles(tree, &blobs);
    }
}

pub fn oci_seeds() -> Vec<Vec<u8>> {
    let (tree, blobs) = small().seal();
    let (layer_bytes, layer) = oci::layer(&tree, &blobs, ONE, "test", Vec::new()).unwrap();
    let description = oci::Description {
        name: "demo".to_owned(),
        version: "1".to_owned(),
        description: String::new(),
        architecture: "amd64".to_owned(),
        epoch: tree.epoch(),
        command: Vec::new(),
    };
    let layout = oci::layout(&description, &[layer]);
    let find = |path: &str| {
        layout
            .documents
            .iter()
            .find(|one| one.path == path)
            .unwrap()
            .bytes
            .clone()
    };
    let index = find("index.json");
    let manifest = find(&oci::blob_path(&layout.manifest));
    let blob = |one: &&oci::Document| one.path.starts_with("blobs/") && one.bytes != manifest;
    let config = layout.documents.iter().find(blob).unwrap().bytes.clone();
    let mut segments = vec![index, manifest, config, layer_bytes];
    let mut seeds = vec![bundle(&segments)];
    // With the names of what is named in place of its digest.
    for named in 1..segments.len() {
        let (digest, length) = (
            Digest::of(&segments[named]).to_string(),
            segments[named].len().to_string(),
        );
        for segment in &mut segments[..named] {
            replace(segment, &digest, &format!("@{named}@"));
            replace(
                segment,
                &format!("\"size\":{length}"),
                &format!("\"size\":#{named}#"),
            );
        }
    }
    seeds.push(bundle(&segments));
    // An uncompressed layer, so that changes reach the archive in it.
    let tar = written();
    let diff = format!("sha256:{}", Digest::of(&tar));
    let config = String::from_utf8(segments[2].clone()).unwrap();
    let old = config.split("sha256:").nth(1).unwrap()[..64].to_owned();
    segments[2] = config
        .replace(&format!("sha256:{old}"), "sha256:@3@")
        .into_bytes();
    assert!(diff.len() == 71);
    replace(&mut segments[1], "layer.v1.tar+zstd", "layer.v1.tar");
    replace(&mut segments[1], "layer.v1.tar+gzip", "layer.v1.tar");
    segments[3] = tar;
    let seed = bundle(&segments);
    let files = Segments::of(&seed).unwrap();
    let image = Image::open(&files, None).expect("a seed that opens");
    image
        .read(&files, epoch(), &origin(), &mut tar::keep_nothing)
        .expect("a seed that is read");
    seeds.push(seed);
    seeds
}

fn bundle(segments: &[Vec<u8>]) -> Vec<u8> {
    karat::tlog::encode_bundle(segments).unwrap()
}

/// Sums are written so that they read the same; no name leads elsewhere.
pub fn sums(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(sums) = text.parse::<Sums>() {
        assert_eq!(sums.to_string().parse::<Sums>().unwrap(), sums);
        for (name, _) in sums.iter() {
            assert!(name.split('/').all(|part| !matches!(part, "" | "." | "..")));
        }
    }
}

pub fn sums_seeds() -> Vec<Vec<u8>> {
    let digest = Digest::of(b"");
    texts([
        format!("{digest}  a.oci/index.json\n{digest} *b.tar\n"),
        format!("{digest}  ../a\n"),
        format!("{digest} a\n"),
    ])
}

/// Largest disk that is read whole: a lying header may name a far larger one.
const DISK_READ_MAX: u64 = 1 << 20;

/// A disk in a container has the bytes that it has, however it is read, and ends where it ends.
pub fn disk(bytes: &[u8]) {
    let bytes = bytes.to_vec();
    let container = Container::detect(&bytes).unwrap();
    if container == Container::Gcp {
        let mut length = 0_u64;
        let mut take = |piece: &[u8]| {
            length += piece.len() as u64;
            // A bomb is cut, not waited for.
            if length > DISK_READ_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(())
        };
        if let Ok(size) = Container::unpack(bytes.as_slice(), &mut take) {
            assert_eq!(size, length);
        }
        return;
    }
    let Ok(opened) = container.open(&bytes) else {
        return;
    };
    let disk = opened.disk();
    assert!(disk.size() <= limits::DISK_MAX);
    assert!(disk.read_at(disk.size(), &mut [0]).is_err());
    let length = usize::try_from(disk.size().min(DISK_READ_MAX)).unwrap();
    let mut whole = vec![0; length];
    let read = disk.read_at(0, &mut whole);
    let mut pieces = vec![0; length];
    let again = pieces
        .chunks_mut(5000)
        .enumerate()
        .try_for_each(|(number, piece)| disk.read_at(number as u64 * 5000, piece));
    assert_eq!(read.is_ok(), again.is_ok());
    assert!(read.is_err() || whole == pieces);
}

pub fn disk_seeds() -> Vec<Vec<u8>> {
    let disk = [vec![1; 700], vec![0; 60_000], vec![2; 1000]].concat();
    let mut seeds = vec![small_qcow2(), disk.clone()];
    let job = Job {
        disk: &disk,
        identity: Identity::of(&disk, 0).unwrap(),
        progress: &Silent,
    };
    let written = |container: Container| {
        let mut out = Cursor::new(Vec::new());
        container.write(&job, false, ONE, &mut out).unwrap();
        out.into_inner()
    };
    seeds.push(written(Container::Vmdk));
    // A VHD file of a disk that is far below the MiB which ours have.
    let vhd = written(Container::Vhd);
    let mut footer = vhd[vhd.len() - 512..].to_vec();
    footer[40..56].copy_from_slice(&[512_u64.to_be_bytes(); 2].concat());
    footer[64..68].fill(0);
    let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    seeds.push([vec![7; 512], footer].concat());
    let mut header = ::tar::Header::new_gnu();
    header.set_size(disk.len() as u64);
    header.set_cksum();
    let mut builder = ::tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header, "disk.raw", disk.as_slice())
        .unwrap();
    let archive = builder.into_inner().unwrap();
    let mut encoder = Encoder::new(Compression::Gzip, ONE, Vec::new()).unwrap();
    io::Write::write_all(&mut encoder, &archive).unwrap();
    seeds.push(encoder.finish().unwrap());
    seeds
}

/// A qcow2 file of clusters of 512 bytes: header, L1 table, L2 table, counts, a plain cluster and a
/// compressed one.
fn small_qcow2() -> Vec<u8> {
    let mut file = vec![0; 6 * 512];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"QFI\xfb\0\0\0\x03");
    put(20, &9_u32.to_be_bytes());
    put(24, &4096_u64.to_be_bytes());
    put(36, &1_u32.to_be_bytes());
    put(40, &512_u64.to_be_bytes());
    put(48, &1536_u64.to_be_bytes());
    put(56, &1_u32.to_be_bytes());
    put(96, &4_u32.to_be_bytes());
    put(100, &104_u32.to_be_bytes());
    put(512, &((1_u64 << 63) + 1024).to_be_bytes());
    put(1024, &((1_u64 << 63) + 2048).to_be_bytes());
    put(1032, &((1_u64 << 62) + 2560).to_be_bytes());
    put(1040, &1_u64.to_be_bytes());
    put(2048, &[7; 512]);
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    io::Write::write_all(&mut deflate, &[9; 512]).unwrap();
    put(2560, &deflate.finish().unwrap());
    file
}

/// Paths are there once, and bytes that were kept are those that were hashed.
pub fn cpio(bytes: &[u8]) {
    let mut keep = |_: &ImagePath, size: u64| size < 5000;
    let Ok(files) = karat::image::cpio::read(&mut &*bytes, &mut keep) else {
        return;
    };
    let paths: std::collections::BTreeSet<_> = files.iter().map(|file| &file.path).collect();
    assert_eq!(paths.len(), files.len());
    for file in &files {
        if let Some(bytes) = &file.bytes {
            assert_eq!(Digest::of(bytes), file.digest);
        }
    }
    let sizes: usize = files
        .iter()
        .flat_map(|file| &file.bytes)
        .map(Vec::len)
        .sum();
    assert!(sizes <= bytes.len());
}

pub fn cpio_seeds() -> Vec<Vec<u8>> {
    let path = |text: &str| ImagePath::parse(text).unwrap();
    let mut archive = karat::image::cpio::Writer::new(Vec::new());
    archive.directory(&path("/dev"), Mode::DIRECTORY).unwrap();
    archive
        .file(&path("/boot.json"), Mode::FILE, b"{}\n")
        .unwrap();
    archive
        .file(&path("/dev/x"), Mode::FILE, &[7; 300])
        .unwrap();
    vec![archive.finish().unwrap()]
}
