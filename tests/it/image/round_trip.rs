//! A tree written and read again is the same tree; the same tree is always the same bytes.

use karat::digest::Digest;
use karat::image::oci::{self, Difference};
use karat::image::tar::{self, TarError};
use karat::path::ImagePath;
use karat::tree::{Content, Device, Kind, MemoryBlobs, Mode, Sealed, Tree};
use proptest::prelude::*;

use super::fixture::{Fixture, assert_same, epoch, odd_tree, origin, path};

fn write(tree: &Tree<Sealed>, blobs: &MemoryBlobs) -> Vec<u8> {
    let (bytes, written) = tar::write(tree, blobs, Vec::new()).unwrap();
    assert_eq!(written.digest, Digest::of(&bytes));
    assert_eq!(written.size, bytes.len() as u64);
    bytes
}

fn read(bytes: &[u8]) -> Tree<Sealed> {
    let mut keep = tar::keep_nothing;
    let (tree, _) = tar::read(bytes, epoch(), &origin(), &mut keep).unwrap();
    tree.seal().unwrap()
}

/// A step of building a tree; names and targets are picked by number.
#[derive(Clone, Debug)]
pub(super) struct Step {
    parent: prop::sample::Index,
    name: Vec<u8>,
    kind: u8,
    bytes: Vec<u8>,
    mode: u32,
    ids: (u32, u32),
    mtime: u64,
    xattr: Option<(Vec<u8>, Vec<u8>)>,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let byte = any::<u8>().prop_filter("a byte of a name", |byte| !matches!(byte, 0 | b'/'));
    let name = prop_oneof![
        3 => prop::collection::vec(byte.clone(), 1..12),
        1 => prop::collection::vec(byte.clone(), 90..=255),
    ];
    let xattr = (prop::collection::vec(byte, 1..20), any::<Vec<u8>>());
    (
        any::<prop::sample::Index>(),
        name.prop_filter("a name", |name| name != b"." && name != b".."),
        0..8_u8,
        prop_oneof![
            any::<Vec<u8>>(),
            prop::collection::vec(any::<u8>(), 500..1600)
        ],
        0..=0o7777_u32,
        prop_oneof![Just((0, 0)), any::<(u32, u32)>()],
        0..=epoch().seconds(),
        prop::option::of(xattr),
    )
        .prop_map(
            |(parent, name, kind, bytes, mode, ids, mtime, xattr)| Step {
                parent,
                name,
                kind,
                bytes,
                mode,
                ids,
                mtime,
                xattr,
            },
        )
}

/// Takes as many steps as are possible.
pub(super) fn build(steps: &[Step]) -> (Tree<Sealed>, MemoryBlobs) {
    let mut fixture = Fixture::new(true);
    let mut directories = vec![ImagePath::root()];
    let mut files: Vec<ImagePath> = Vec::new();
    for step in steps {
        let parent = &directories[step.parent.index(directories.len())];
        let Ok(at) = parent.join(&step.name) else {
            continue;
        };
        if fixture.tree.get(&at).is_some() {
            continue;
        }
        let device = Device {
            major: step.ids.0 & 0xfff,
            minor: step.ids.1 & 0xf_ffff,
        };
        let kind = match step.kind {
            0 | 1 => Kind::Directory,
            2 if !files.is_empty() => {
                let target = files[step.parent.index(files.len())].clone();
                let id = fixture.tree.id(&target).unwrap();
                fixture.tree.link(at, id).unwrap();
                continue;
            }
            3 => {
                let mut target = step.name.clone();
                target.extend(&step.bytes);
                target.retain(|byte| *byte != 0);
                target.truncate(4095);
                Kind::Symlink(target)
            }
            4 => Kind::CharDevice(device),
            5 => Kind::BlockDevice(device),
            6 => Kind::Fifo,
            _ => Kind::Regular(fixture.blobs.add(step.bytes.clone())),
        };
        match kind {
            Kind::Directory => directories.push(at.clone()),
            _ => files.push(at.clone()),
        }
        let is_symlink = matches!(kind, Kind::Symlink(_));
        fixture.add(at.as_bytes(), kind, step.mode);
        fixture.change(at.as_bytes(), |inode| {
            if is_symlink {
                inode.stat.mode = Mode::SYMLINK;
            }
            (inode.stat.uid, inode.stat.gid) = step.ids;
            inode.stat.mtime = step.mtime;
            inode.xattrs.extend(step.xattr.clone());
        });
    }
    fixture.seal()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_tree_comes_back_from_a_tar(steps in prop::collection::vec(step(), 0..40)) {
        let (tree, blobs) = build(&steps);
        let bytes = write(&tree, &blobs);
        let again = read(&bytes);
        assert_same(&tree, &again);
        prop_assert!(write(&again, &blobs) == bytes, "one tree, one archive");
    }

    #[test]
    fn any_change_comes_back_from_a_layer(
        old in prop::collection::vec(step(), 0..30),
        new in prop::collection::vec(step(), 0..20),
        kept in 0..30_usize,
    ) {
        let (base, base_blobs) = build(&old);
        let mut steps: Vec<Step> = old.iter().take(kept).cloned().collect();
        steps.extend(new);
        let (tree, blobs) = build(&steps);
        super::hostile_layout::two_layers_give_the_tree(&base, &base_blobs, &tree, &blobs)?;
    }

    #[test]
    fn no_bytes_panic_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut keep = tar::keep_nothing;
        drop(tar::read(bytes.as_slice(), epoch(), &origin(), &mut keep));
        // With a header that passes, the rest is looked at too.
        if bytes.len() > 1536 {
            super::hostile_tar::seal_header(&mut bytes[..512]);
            drop(tar::read(bytes.as_slice(), epoch(), &origin(), &mut keep));
        }
    }
}

#[test]
fn the_odd_tree_is_these_bytes() {
    // Changes only with the format: docs/formats/outputs.md.
    let (tree, blobs) = odd_tree(true).seal();
    let digest = Digest::of(&write(&tree, &blobs));
    assert_eq!(
        digest.to_string(),
        "6083e63f4e5b5a37e1c31053e2ef39caa17fc2ef1857bc43316545f6c32c62f9"
    );
}

#[test]
fn numbers_beyond_the_header_go_into_records() {
    let mut fixture = Fixture::new(true);
    fixture.tree = Tree::new(karat::tree::Epoch::new(karat::tree::Epoch::MAX).unwrap());
    fixture.file("/f", "x").change("/f", |inode| {
        (inode.stat.uid, inode.stat.gid) = (u32::MAX, 0o7_777_777);
        inode.stat.mtime = karat::tree::Epoch::MAX;
    });
    let (tree, blobs) = fixture.seal();
    let bytes = write(&tree, &blobs);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("18 uid=4294967295\n"), "{text}");
    assert!(text.contains("22 mtime=253402300799\n"), "{text}");
    assert!(!text.contains("gid="), "fits: {text}");
    let mut keep = tar::keep_nothing;
    let (again, _) = tar::read(bytes.as_slice(), epoch(), &origin(), &mut keep).unwrap();
    assert_eq!(
        again.get(&path("/f")).unwrap().stat,
        tree.get(&path("/f")).unwrap().stat
    );
}

#[test]
fn stored_bytes_that_are_not_the_trees_are_an_error() {
    let mut fixture = Fixture::new(true);
    let content = Content {
        digest: fixture.blobs.add(b"good".to_vec()).digest,
        size: 5,
    };
    fixture.add("/short", Kind::Regular(content), 0o644);
    let (tree, blobs) = fixture.seal();
    let error = tar::write(&tree, &blobs, Vec::new()).unwrap_err();
    assert!(matches!(error, TarError::Content(at) if at == path("/short")));

    let mut fixture = Fixture::new(true);
    fixture.add("/gone", Kind::Regular(Content::of(b"never stored")), 0o644);
    let (tree, blobs) = fixture.seal();
    let error = tar::write(&tree, &blobs, Vec::new()).unwrap_err();
    assert!(matches!(error, TarError::ContentRead { path: at, .. } if at == path("/gone")));
}

#[test]
fn what_a_tar_cannot_hold_is_an_error() {
    let mut fixture = Fixture::new(true);
    fixture.add("/socket", Kind::Socket, 0o755);
    let (tree, blobs) = fixture.seal();
    let error = tar::write(&tree, &blobs, Vec::new()).unwrap_err();
    assert!(matches!(error, TarError::Socket(_)));

    let device = Device {
        major: 1 << 21,
        minor: 0,
    };
    let mut fixture = Fixture::new(true);
    fixture.add("/device", Kind::CharDevice(device), 0o600);
    let (tree, blobs) = fixture.seal();
    let error = tar::write(&tree, &blobs, Vec::new()).unwrap_err();
    assert!(matches!(error, TarError::Device(_)));

    let mut fixture = Fixture::new(true);
    fixture.file("/f", "x");
    for number in 0..20 {
        fixture.xattr("/f", &format!("user.{number}"), &vec![0; 65_536]);
    }
    let (tree, blobs) = fixture.seal();
    let error = tar::write(&tree, &blobs, Vec::new()).unwrap_err();
    assert!(matches!(error, TarError::Extension(_)));
}

#[test]
fn an_unchanged_tree_has_no_difference() {
    let (tree, _) = odd_tree(true).seal();
    let (again, _) = odd_tree(true).seal();
    assert!(Difference::between(&tree, &again).is_empty());
}

#[test]
fn configuration_leaves_the_base_layer_as_it_is() {
    let threads = std::num::NonZero::new(2).unwrap();
    let (base, blobs) = odd_tree(true).seal();
    let layer = || oci::layer(&base, &blobs, threads, "packages", Vec::new()).unwrap();
    let (bytes, layer_one) = layer();
    assert_eq!(layer_one.digest, Digest::of(&bytes));
    assert_eq!(layer().1, layer_one);
    let mut fixture = odd_tree(true);
    fixture.file("/etc/motd", "hello\n");
    let (tree, blobs) = fixture.seal();
    let difference = Difference::between(&base, &tree);
    assert_eq!(difference.len(), 1);
    let (bytes, _) =
        oci::difference_layer(&difference, &blobs, threads, "configuration", Vec::new()).unwrap();
    assert!(bytes.len() < 300, "{}", bytes.len());
}
