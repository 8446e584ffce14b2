//! Outputs on the disk: whole, the same from a cache, with modes that no umask changes.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;

use karat::image::compress::Compression;
use karat::image::oci::{self, Description, Image};
use karat::ops::outputs::{self, LayoutDirectory, OciInput, OutputError};
use karat::tree::{Content, Kind, Layered};

use super::fixture::{Fixture, epoch, odd_tree};
use crate::support::Scratch;

fn description() -> Description {
    Description {
        name: "web".to_owned(),
        version: "1".to_owned(),
        description: String::new(),
        architecture: "arm64".to_owned(),
        epoch: epoch(),
        command: Vec::new(),
    }
}

#[test]
fn a_cached_base_layer_changes_no_byte() {
    let scratch = Scratch::new("outputs");
    let threads = NonZero::new(2).unwrap();
    let (base, base_blobs) = odd_tree(true).seal();
    let mut changed = odd_tree(true);
    changed.file("/etc/motd", "hello\n");
    let (tree, blobs) = changed.seal();
    let description = description();
    let mut input = OciInput {
        base: &base,
        tree: &tree,
        blobs: &Layered(&blobs, &base_blobs),
        description: &description,
        cached_base: None,
    };
    let first = outputs::write_oci(&input, threads, &scratch.join("a.oci")).unwrap();
    assert!(!first.base_reused);
    let cached = scratch
        .join("a.oci/blobs/sha256")
        .join(first.base.digest.to_string());
    input.cached_base = Some((&first.base, &cached));
    let second = outputs::write_oci(&input, threads, &scratch.join("b.oci")).unwrap();
    assert!(second.base_reused);
    assert_eq!(first.files, second.files);
    assert_eq!(first.manifest, second.manifest);
    // A cache that was damaged is not believed.
    std::fs::write(&cached, "damaged").unwrap();
    let third = outputs::write_oci(&input, threads, &scratch.join("b.oci")).unwrap();
    assert!(!third.base_reused);
    assert_eq!(first.files, third.files);

    let sums = scratch.join("b.SHA256SUMS");
    let listed = third
        .files
        .iter()
        .map(|(name, content)| (format!("b.oci/{name}"), content));
    outputs::write_sums(listed.map(|(name, it)| (name, it.digest)), &sums).unwrap();
    let text = std::fs::read_to_string(&sums).unwrap();
    let sums: karat::image::sums::Sums = text.parse().unwrap();
    sums.check(|name| File::open(scratch.join(name))).unwrap();
    for (name, _) in &third.files {
        let mode = std::fs::metadata(scratch.join("b.oci").join(name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o7777, 0o644, "{name}");
    }
}

#[test]
fn an_envelope_is_attached_on_the_disk() {
    let scratch = Scratch::new("attach-output");
    let (tree, blobs) = odd_tree(true).seal();
    let description = description();
    let input = OciInput {
        base: &tree,
        tree: &tree,
        blobs: &blobs,
        description: &description,
        cached_base: None,
    };
    let target = scratch.join("a.oci");
    let one = NonZero::<usize>::MIN;
    let written = outputs::write_oci(&input, one, &target).unwrap();
    assert_eq!(written.files.len(), 5, "one layer: nothing was configured");
    let media_type = "application/vnd.dsse.envelope.v1+json";
    let attach = || outputs::attach_oci(&target, &written.manifest, media_type, b"signed");
    let index = || std::fs::read(target.join("index.json")).unwrap();
    attach().unwrap();
    let first = index();
    attach().unwrap();
    assert_eq!(index(), first);
    let layout = LayoutDirectory::new(&target);
    let found = oci::attachments(&layout, &written.manifest, media_type).unwrap();
    assert_eq!(found, [b"signed".to_vec()]);
    let image = Image::open(&layout, None).unwrap();
    assert_eq!(image.digest(), written.manifest);
}

#[test]
fn nothing_appears_when_contents_are_missing() {
    let scratch = Scratch::new("missing");
    let mut fixture = Fixture::new(true);
    fixture.file("/a", "there");
    fixture.add("/gone", Kind::Regular(Content::of(b"never stored")), 0o644);
    let (tree, blobs) = fixture.seal();
    let one = NonZero::<usize>::MIN;
    let target = scratch.join("x.tar.zst");
    let error = outputs::write_tar(&tree, &blobs, Compression::Zstd, one, &target).unwrap_err();
    assert!(matches!(error, OutputError::Tar { .. }), "{error}");
    let description = description();
    let input = OciInput {
        base: &tree,
        tree: &tree,
        blobs: &blobs,
        description: &description,
        cached_base: None,
    };
    let error = outputs::write_oci(&input, one, &scratch.join("x.oci")).unwrap_err();
    assert!(matches!(error, OutputError::Oci { .. }), "{error}");
    let left = std::fs::read_dir(scratch.path()).unwrap();
    let left: io::Result<Vec<_>> = left.collect();
    assert!(left.unwrap().is_empty());
}

#[test]
fn a_tar_says_what_it_holds() {
    let scratch = Scratch::new("tar-output");
    let (tree, blobs) = odd_tree(true).seal();
    let two = NonZero::new(2).unwrap();
    let mut archives = Vec::new();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let target = scratch.join(format!("x.tar{}", compression.suffix()));
        let written = outputs::write_tar(&tree, &blobs, compression, two, &target).unwrap();
        let bytes = std::fs::read(&target).unwrap();
        assert_eq!(written.file, Content::of(&bytes));
        archives.push(written.archive);
    }
    assert_eq!(archives[0], archives[1], "the compressor does not matter");
    assert_eq!(archives[0], archives[2]);
}
