//! What GNU tar, bsdtar, skopeo, umoci, zstd, gzip and sha256sum make of our files.

use std::io::{self, Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Output};

use karat::digest::Digest;
use karat::image::compress::{Compression, Encoder};
use karat::image::oci::{self, Description, Difference, Image, Layer};
use karat::image::sums::Sums;
use karat::image::tar;
use karat::path::ImagePath;
use karat::tree::{Blobs, Kind, MemoryBlobs, Mode, Sealed, Tree};

use super::fixture::{Fixture, assert_same, epoch, is_root, odd_tree, origin, path, scan};
use crate::support::{Scratch, judge, skip};

fn run(command: &mut Command) -> Output {
    let output = command
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn archive(tree: &Tree<Sealed>, blobs: &dyn Blobs) -> Vec<u8> {
    tar::write(tree, blobs, Vec::new()).unwrap().0
}

/// The odd tree with names that are no UTF-8, short and long.
fn raw_tree() -> Fixture {
    let mut fixture = odd_tree(is_root());
    fixture
        .file(b"/odd/latin1-\xfc", "8")
        .file([b"/odd/\xfc".as_slice(), &[b'u'; 150]].concat(), "9")
        .symlink(b"/odd/\xff\xfe", b"target-\xfc".as_slice());
    fixture
}

/// The tree below a directory, its own time set to that of our fixtures: not every program
/// restores it.
fn scan_below(directory: &Path) -> Tree<karat::tree::Open> {
    let mut tree = scan(directory).unwrap();
    let root = tree.get_mut(&path("/")).unwrap();
    root.stat.mtime = epoch().seconds();
    tree
}

/// Unpacks the odd tree by a program, and reads it back from the disk.
fn unpacks(program: &str, arguments: &[&str]) {
    let Some(judge) = judge(program) else { return };
    let (tree, blobs) = raw_tree().seal();
    let scratch = Scratch::new(program);
    let file = scratch.join("a.tar");
    std::fs::write(&file, archive(&tree, &blobs)).unwrap();
    let out = scratch.join("out");
    std::fs::create_dir(&out).unwrap();
    let mut command = judge.command();
    command.args(arguments).arg("-xpf").arg(&file);
    let output = run(command.arg("-C").arg(&out));
    // GNU tar tells that it does not know POSIX' record for names that are no UTF-8.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.is_empty() || said.ends_with(" keyword 'hdrcharset'\n") && said.lines().count() == 1,
        "{said}"
    );
    assert_same(&tree, &scan_below(&out));
}

const GNU_ALL: [&str; 4] = [
    "--xattrs",
    "--xattrs-include=*",
    "--acls",
    "--numeric-owner",
];

#[test]
fn gnu_tar_unpacks_the_same_tree() {
    unpacks("tar", &GNU_ALL);
}

#[test]
fn bsdtar_unpacks_the_same_tree() {
    unpacks("bsdtar", &["--numeric-owner"]);
}

#[test]
fn capabilities_and_acls_work_once_unpacked() {
    if !is_root() {
        skip("only root may set capabilities");
        return;
    }
    let (Some(tar), Some(getcap), Some(getfacl)) =
        (judge("tar"), judge("getcap"), judge("getfacl"))
    else {
        return;
    };
    let (tree, blobs) = odd_tree(true).seal();
    let scratch = Scratch::new("capabilities");
    let file = scratch.join("a.tar");
    std::fs::write(&file, archive(&tree, &blobs)).unwrap();
    let mut command = tar.command();
    command.args(GNU_ALL).arg("-xpf").arg(&file);
    run(command.arg("-C").arg(scratch.path()));
    let output = run(getcap.command().arg(scratch.join("bin/a-tool")));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("cap_net_raw=ep"), "{text}");
    let output = run(getfacl
        .command()
        .args(["-n", "-c", "-p"])
        .arg(scratch.join("etc/hosts")));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("user:1000:r--"), "{text}");
}

#[test]
fn gnu_tar_and_bsdtar_list_the_same_names() {
    let (Some(tar), Some(bsdtar)) = (judge("tar"), judge("bsdtar")) else {
        return;
    };
    // Those that neither program escapes, in its own way.
    let mut fixture = Fixture::new(false);
    let long = format!("/{}", "d".repeat(200));
    fixture.directory(&long);
    fixture.file(format!("{long}/{}", "n".repeat(255)), "long");
    fixture.file("/two  blanks", "1").symlink("/link", long);
    let (tree, blobs) = fixture.seal();
    let scratch = Scratch::new("list");
    let file = scratch.join("a.tar");
    std::fs::write(&file, archive(&tree, &blobs)).unwrap();
    let list = |command: &mut Command| run(command.arg("-tf").arg(&file)).stdout;
    let gnu = list(&mut tar.command());
    let ours: Vec<String> = tree
        .iter()
        .map(|entry| {
            let is_directory = entry.inode.kind == Kind::Directory && !entry.path.is_root();
            format!(".{}{}\n", entry.path, if is_directory { "/" } else { "" })
        })
        .collect();
    assert_eq!(String::from_utf8(gnu.clone()).unwrap(), ours.concat());
    assert_eq!(gnu, list(&mut bsdtar.command()));
}

/// Packs a directory by a program and reads the archive; gives the two trees.
fn reads_theirs(program: &str, arguments: &[&str], fixture: Fixture) {
    let (Some(judge), Some(tar)) = (judge(program), judge("tar")) else {
        return;
    };
    let (tree, blobs) = fixture.seal();
    let scratch = Scratch::new(program);
    let (ours, theirs) = (scratch.join("ours.tar"), scratch.join("theirs.tar"));
    std::fs::write(&ours, archive(&tree, &blobs)).unwrap();
    let out = scratch.join("out");
    std::fs::create_dir(&out).unwrap();
    let mut command = tar.command();
    command.args(GNU_ALL).arg("-xpf").arg(&ours);
    run(command.arg("-C").arg(&out));
    let mut command = judge.command();
    command.args(arguments).arg("-cf").arg(&theirs);
    run(command.arg("-C").arg(&out).arg("."));
    let input = std::fs::File::open(&theirs).unwrap();
    let read = tar::read(input, epoch(), &origin(), &mut tar::keep_nothing);
    let (read, _) = read.unwrap_or_else(|error| panic!("{program} {arguments:?}: {error}"));
    assert_same(&tree, &read);
}

#[test]
fn archives_of_gnu_tar_read_as_the_same_tree() {
    // Short of attributes, which only pax archives hold.
    let mut plain = Fixture::new(false);
    plain.directory("/d").file("/d/f", "1").link("/d/g", "/d/f");
    let long = format!("/d/{}", "n".repeat(250));
    plain.file(&long, "2").symlink("/link", long.clone());
    plain.link(format!("/d/{}", "m".repeat(120)), &long);
    reads_theirs("tar", &["--format=gnu"], plain);
    reads_theirs("tar", &["--format=pax", "--xattrs"], {
        let mut fixture = odd_tree(false);
        fixture.xattr("/etc/hosts", "user.a=b", b"an equals sign in the name");
        fixture
    });
    let mut short = Fixture::new(false);
    short.directory("/d").file("/d/f", "1").link("/d/g", "/d/f");
    short.directory(format!("/d/{}", "p".repeat(90)));
    short.file(format!("/d/{}/{}", "p".repeat(90), "q".repeat(90)), "3");
    reads_theirs("tar", &["--format=ustar"], short);
}

#[test]
fn archives_of_bsdtar_read_as_the_same_tree() {
    reads_theirs("bsdtar", &["--format=pax"], odd_tree(false));
}

/// Text that compresses, over several blocks.
fn sample() -> Vec<u8> {
    (0..900_000_u32)
        .flat_map(|number| format!("{}\n", number.wrapping_mul(7919)).into_bytes())
        .collect()
}

#[test]
fn zstd_and_gzip_accept_what_we_compress() {
    let bytes = sample();
    let threads = NonZero::new(2).unwrap();
    for (program, compression) in [("zstd", Compression::Zstd), ("gzip", Compression::Gzip)] {
        let Some(judge) = judge(program) else {
            continue;
        };
        let scratch = Scratch::new(program);
        let file = scratch.join(format!("f{}", compression.suffix()));
        let mut encoder = Encoder::new(compression, threads, Vec::new()).unwrap();
        encoder.write_all(&bytes).unwrap();
        std::fs::write(&file, encoder.finish().unwrap()).unwrap();
        run(judge.command().arg("-t").arg(&file));
        let output = run(judge.command().arg("-dc").arg(&file));
        assert!(output.stdout == bytes, "{program}");
    }
}

/// A layout on the disk: two layers, and what attaching adds.
pub struct DiskLayout<'a>(pub &'a Path);

impl DiskLayout<'_> {
    pub fn put(&self, document: &oci::Document) {
        let file = self.0.join(&document.path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &document.bytes).unwrap();
    }

    pub fn put_layer(&self, write: impl FnOnce(&mut Vec<u8>) -> Layer) -> Layer {
        let mut bytes = Vec::new();
        let layer = write(&mut bytes);
        let path = oci::blob_path(&layer.digest);
        self.put(&oci::Document { path, bytes });
        layer
    }
}

impl oci::Files for DiskLayout<'_> {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(std::fs::File::open(self.0.join(path))?))
    }
}

fn description() -> Description {
    Description {
        name: "web".to_owned(),
        version: "1.2~rc1".to_owned(),
        description: "A test".to_owned(),
        architecture: "amd64".to_owned(),
        epoch: epoch(),
        command: vec!["/sbin/init".to_owned()],
    }
}

/// The odd tree, changed in every way that a layer can say.
fn changed_tree(as_root: bool) -> (Tree<Sealed>, MemoryBlobs) {
    let mut fixture = odd_tree(as_root);
    for gone in [
        "/odd",
        "/etc/empty",
        "/etc/fifo",
        "/bin/a-tool",
        "/etc/link",
    ] {
        fixture.tree.remove(&path(gone)).unwrap();
    }
    fixture
        .file("/odd", "a file where a directory was")
        .directory("/etc/empty")
        .file("/etc/empty/inside", "a directory where a file was")
        .file("/bin/a-tool", "no link any more")
        .symlink("/etc/link", "dangling")
        .directory("/new")
        .file("/new/one", "1")
        .link("/new/two", "/new/one")
        .change("/bin/setuid", |inode| inode.stat.mode = Mode::FILE)
        .change("/etc/large", |inode| inode.xattrs.clear());
    fixture.seal()
}

fn write_layout(layout: &DiskLayout<'_>, as_root: bool) -> (Tree<Sealed>, oci::Layout) {
    let (base, base_blobs) = odd_tree(as_root).seal();
    let (tree, blobs) = changed_tree(as_root);
    let threads = NonZero::new(2).unwrap();
    let lower = layout.put_layer(|bytes| {
        oci::layer(&base, &base_blobs, threads, "packages", bytes)
            .unwrap()
            .1
    });
    let difference = Difference::between(&base, &tree);
    let upper = layout.put_layer(|bytes| {
        let write = oci::difference_layer(&difference, &blobs, threads, "configuration", bytes);
        write.unwrap().1
    });
    let written = oci::layout(&description(), &[lower, upper]);
    written
        .documents
        .iter()
        .for_each(|document| layout.put(document));
    (tree, written)
}

#[test]
fn our_reader_gives_the_tree_back_from_two_layers() {
    let scratch = Scratch::new("layout");
    let layout = DiskLayout(scratch.path());
    let (tree, written) = write_layout(&layout, true);
    let image = Image::open(&layout, None).unwrap();
    assert_eq!(image.digest(), written.manifest);
    let mut keep = |path: &ImagePath, _| path.as_bytes() == b"/odd";
    let (read, kept) = image.read(&layout, epoch(), &origin(), &mut keep).unwrap();
    assert_same(&tree, &read);
    let content = read.content(&path("/odd")).unwrap();
    assert_eq!(
        kept.read(&content).unwrap(),
        b"a file where a directory was"
    );
}

#[test]
fn skopeo_reads_and_copies_the_layout() {
    let Some(skopeo) = judge("skopeo") else {
        return;
    };
    let scratch = Scratch::new("skopeo");
    let source = scratch.join("web.oci");
    let (_, written) = write_layout(&DiskLayout(&source), is_root());
    let digest = format!("sha256:{}", written.manifest);
    let name = format!("oci:{}", source.display());
    for name in [name.clone(), format!("{name}:1.2_rc1")] {
        let output = run(skopeo.command().arg("inspect").arg(&name));
        let text: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(text["Digest"], digest.as_str());
        assert_eq!(text["Architecture"], "amd64");
        assert_eq!(
            text["Labels"]["org.opencontainers.image.version"],
            "1.2~rc1"
        );
    }
    let copy = scratch.join("copy.oci");
    let target = format!("oci:{}:x", copy.display());
    let mut command = skopeo.command();
    command.args(["--insecure-policy", "copy", "--preserve-digests"]);
    run(command.arg(&name).arg(&target));
    let image = Image::open(&DiskLayout(&copy), Some("x")).unwrap();
    assert_eq!(image.digest(), written.manifest);
}

#[test]
fn an_attached_envelope_is_found_and_disturbs_nobody() {
    let scratch = Scratch::new("attach");
    let layout = DiskLayout(&scratch.join("web.oci"));
    let (_, written) = write_layout(&layout, is_root());
    let media_type = "application/vnd.dsse.envelope.v1+json";
    let envelope = br#"{"payload":"","payloadType":"","signatures":[]}"#;
    let attach = || oci::attach(&layout, &written.manifest, media_type, envelope).unwrap();
    let attached = attach();
    attached
        .documents
        .iter()
        .for_each(|document| layout.put(document));
    assert_eq!(attach(), attached, "attaching again changes nothing");
    let found = oci::attachments(&layout, &written.manifest, media_type).unwrap();
    assert_eq!(found, [envelope.to_vec()]);
    assert_eq!(
        Image::open(&layout, None).unwrap().digest(),
        written.manifest
    );
    let Some(skopeo) = judge("skopeo") else {
        return;
    };
    let name = format!("oci:{}:1.2_rc1", layout.0.display());
    run(skopeo.command().arg("inspect").arg(&name));
}

#[test]
fn umoci_unpacks_the_same_tree() {
    let (Some(umoci), Some(_)) = (judge("umoci"), judge("tar")) else {
        return;
    };
    let scratch = Scratch::new("umoci");
    let source = scratch.join("web.oci");
    let (tree, written) = write_layout(&DiskLayout(&source), is_root());
    let attached = oci::attach(&DiskLayout(&source), &written.manifest, "text/plain", b"x");
    for document in attached.unwrap().documents {
        DiskLayout(&source).put(&document);
    }
    let bundle = scratch.join("bundle");
    let mut command = umoci.command();
    command.arg("unpack");
    if !is_root() {
        command.arg("--rootless");
    }
    let image = format!("{}:1.2_rc1", source.display());
    run(command.arg("--image").arg(image).arg(&bundle));
    let mut unpacked = scan_below(&bundle.join("rootfs"));
    let paths: Vec<ImagePath> = unpacked.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        // Where umoci notes the owners that an ordinary user cannot give.
        let inode = unpacked.get_mut(&path).unwrap();
        inode.xattrs.remove(b"user.rootlesscontainers".as_slice());
    }
    assert_same(&tree, &unpacked);
}

#[test]
fn a_layer_that_umoci_made_is_read() {
    if !is_root() {
        skip("umoci keeps owners as attributes where it is not root");
        return;
    }
    let Some(umoci) = judge("umoci") else { return };
    let scratch = Scratch::new("umoci-repack");
    let source = scratch.join("web.oci");
    write_layout(&DiskLayout(&source), true);
    let (bundle, image) = (scratch.join("bundle"), source.display());
    let mut command = umoci.command();
    command.args(["unpack", "--image", &format!("{image}:1.2_rc1")]);
    run(command.arg(&bundle));
    let root = bundle.join("rootfs");
    std::fs::remove_file(root.join("etc/hosts")).unwrap();
    std::fs::remove_dir_all(root.join("new")).unwrap();
    std::fs::write(root.join("etc/motd"), "hello").unwrap();
    std::fs::hard_link(root.join("etc/motd"), root.join("etc/issue")).unwrap();
    for changed in ["etc/motd", "etc", ""] {
        // Whole seconds: umoci rounds to the nearest.
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(epoch().seconds());
        let file = std::fs::File::open(root.join(changed)).unwrap();
        file.set_modified(time).unwrap();
    }
    let mut command = umoci.command();
    command.args(["repack", "--image", &format!("{image}:repacked")]);
    run(command.arg(&bundle));
    let layout = DiskLayout(&source);
    let image = Image::open(&layout, Some("repacked")).unwrap();
    assert_eq!(image.manifest.layers.len(), 3);
    let mut keep = tar::keep_nothing;
    let (read, _) = image.read(&layout, epoch(), &origin(), &mut keep).unwrap();
    assert_same(&scan(&root).unwrap(), &read);
}

#[test]
fn sha256sum_checks_the_list() {
    let Some(judge) = judge("sha256sum") else {
        return;
    };
    let scratch = Scratch::new("sums");
    let layout = DiskLayout(&scratch.join("web_1.oci"));
    let (_, written) = write_layout(&layout, false);
    let mut sums = Sums::new();
    for document in &written.documents {
        let name = format!("web_1.oci/{}", document.path);
        sums.add(name, Digest::of(&document.bytes)).unwrap();
    }
    std::fs::write(scratch.join("web_1.SHA256SUMS"), sums.to_string()).unwrap();
    let check = || {
        let mut command = judge.command();
        command.args(["--check", "--strict", "--quiet", "web_1.SHA256SUMS"]);
        command.current_dir(scratch.path()).output().unwrap()
    };
    assert!(check().status.success());
    std::fs::write(layout.0.join("index.json"), "{}").unwrap();
    assert!(!check().status.success());
    let open = |name: &str| std::fs::File::open(scratch.join(name));
    let error = sums.check(open).unwrap_err();
    assert!(
        error.to_string().starts_with("web_1.oci/index.json: "),
        "{error}"
    );
}
