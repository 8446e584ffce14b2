//! Tests of the canonical form.

use super::*;
use crate::path::{ImagePath, PathError};
use crate::tree::{Content, Device, Epoch, Inode, Kind, Mode, Open, Origin, Stat, Tree, Xattrs};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn path(text: impl AsRef<[u8]>) -> ImagePath {
    ImagePath::parse(text).unwrap()
}

fn inode(kind: Kind, mode: u32) -> Inode {
    Inode {
        stat: Stat::root(Mode::new(mode).unwrap()),
        kind,
        xattrs: Xattrs::new(),
        origin: Origin::Package("demo".to_owned()),
    }
}

fn tree() -> Tree<Open> {
    let mut tree = Tree::new(Epoch::new(1).unwrap());
    let mut add = |at: &[u8], inode: Inode| tree.insert(path(at), inode).unwrap();
    add(b"/a", inode(Kind::Directory, 0o755));
    let mut file = inode(Kind::Regular(Content::of(b"")), 0o4755);
    file.xattrs.insert(b"user.b,:\xff".to_vec(), b"v".to_vec());
    file.xattrs.insert(b"user.a".to_vec(), Vec::new());
    let id = add(b"/a/z", file);
    add(b"/a-b", inode(Kind::Fifo, 0o600));
    add(b"/s", inode(Kind::Socket, 0o600));
    let device = Device {
        major: 1,
        minor: 259,
    };
    add(b"/c", inode(Kind::CharDevice(device), 0o666));
    add(b"/d", inode(Kind::BlockDevice(device), 0o660));
    add(b"/l", inode(Kind::Symlink(b"../x y".to_vec()), 0o777));
    add(
        b"/\n\x1b\xff#*=\\ ",
        inode(Kind::Regular(Content::of(b"abc")), 0o644),
    );
    let link = add(b"/k", inode(Kind::Symlink(b"t".to_vec()), 0o777));
    tree.link(path("/m"), id).unwrap();
    tree.link(path("/n"), link).unwrap();
    tree
}

fn text() -> String {
    [
        ". type=dir mode=0755 uid=0 gid=0 tags=template:karat",
        "./\\012\\033\\377\\043\\052\\075\\134\\040 type=file mode=0644 uid=0 gid=0 nlink=1 size=3 sha256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad tags=package:demo",
        "./a type=dir mode=0755 uid=0 gid=0 tags=package:demo",
        "./a-b type=fifo mode=0600 uid=0 gid=0 tags=package:demo",
        &format!("./a/z type=file mode=4755 uid=0 gid=0 nlink=2 size=0 sha256={EMPTY} tags=link:1,xattr:user.a:,xattr:user.b\\054\\072\\377:dg==,package:demo"),
        "./c type=char mode=0666 uid=0 gid=0 device=native,1,259 tags=package:demo",
        "./d type=block mode=0660 uid=0 gid=0 device=native,1,259 tags=package:demo",
        "./k type=link mode=0777 uid=0 gid=0 link=t tags=link:2,package:demo",
        "./l type=link mode=0777 uid=0 gid=0 link=../x\\040y tags=package:demo",
        &format!("./m type=file mode=4755 uid=0 gid=0 nlink=2 size=0 sha256={EMPTY} tags=link:1,xattr:user.a:,xattr:user.b\\054\\072\\377:dg==,package:demo"),
        "./n type=link mode=0777 uid=0 gid=0 link=t tags=link:2,package:demo",
        "./s type=socket mode=0600 uid=0 gid=0 tags=package:demo",
        "",
    ]
    .join("\n")
}

#[test]
fn a_tree_has_one_spelling() {
    let manifest = Manifest::of(&tree().seal().unwrap());
    let bytes = manifest.to_bytes();
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), text());
    let mut written = Vec::new();
    manifest.write_to(&mut written).unwrap();
    assert_eq!(written, bytes);
    assert_eq!(manifest.content(), Content::of(&bytes));
    assert_eq!(Manifest::parse(&bytes), Ok(manifest));
}

#[test]
fn the_two_reserved_files_are_left_out() {
    let mut tree = tree();
    let without = {
        let mut tree = tree.clone();
        let origin = Origin::Template("karat".to_owned());
        tree.make_dirs(&path(RESERVED_DIRECTORY), &origin).unwrap();
        Manifest::of(&tree.seal().unwrap())
    };
    let origin = Origin::Template("karat".to_owned());
    tree.make_dirs(&path(RESERVED_DIRECTORY), &origin).unwrap();
    for name in RESERVED {
        let file = inode(Kind::Regular(Content::of(b"x")), 0o644);
        tree.insert(path(name), file).unwrap();
    }
    assert_eq!(Manifest::of(&tree.seal().unwrap()), without);
}

#[test]
fn every_other_spelling_is_refused() {
    let good = text();
    assert!(Manifest::parse(good.as_bytes()).is_ok());
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        let other = good.replacen(from, to, 1);
        Manifest::parse(other.as_bytes())
            .map(drop)
            .unwrap_err()
            .rule
    };
    for (from, to, rule) in [
        ("uid=0", "uid=00", Rule::NotCanonical),
        ("uid=0", "uid=+0", Rule::NotCanonical),
        ("uid=0", "uid=4294967296", Rule::Number),
        ("uid=0", "uid=-1", Rule::Number),
        ("mode=0755", "mode=755", Rule::NotCanonical),
        ("mode=0755", "mode=10755", Rule::Number),
        ("mode=0755 uid=0", "uid=0 mode=0755", Rule::Keyword),
        ("mode=0755 ", "mode=0755  ", Rule::Keyword),
        ("tags=template:karat", "tags=template:karat ", Rule::Keyword),
        (
            "tags=template:karat",
            "tags=template:karat flags=none",
            Rule::Keyword,
        ),
        (" tags=template:karat", "", Rule::Keyword),
        (
            "template:karat",
            "template:",
            Rule::Origin("".parse::<Origin>().unwrap_err()),
        ),
        ("template:karat", "template:karat,rule:x", Rule::Keyword),
        ("type=dir", "type=directory", Rule::Keyword),
        ("./a-b", "./a\\055b", Rule::NotCanonical),
        ("./a-b", "./a\\5", Rule::Escape),
        ("./a-b", "./a\\777", Rule::Escape),
        ("./a-b", "./a\\000", Rule::Path(PathError::Nul)),
        ("./a-b", "./../b", Rule::Path(PathError::DotDot)),
        ("./a-b", "./a//b", Rule::Path(PathError::NotNormal)),
        ("./a-b", "/a-b", Rule::Path(PathError::Relative)),
        ("./a-b", "./", Rule::Path(PathError::Relative)),
        ("./a-b", "./a", Rule::Duplicate),
        ("./a-b", "./A", Rule::Order),
        ("./a/z", "./a0/z", Rule::NoParent),
        ("./a/z", "./a-b/z", Rule::NoParent),
        ("native,1,259", "0x103", Rule::NotCanonical),
        ("native,1,259", "native,1,2,3", Rule::Number),
        ("link:2,", "link:3,", Rule::Group),
        ("link:2,", "link:0,", Rule::Group),
        ("link:2,", "", Rule::Group),
        ("nlink=2", "nlink=3", Rule::Group),
        ("link=t ", "link=u ", Rule::Group),
        ("link=../x", "link=\\000", Rule::Symlink),
        ("xattr:user.a:,", "xattr:user.z:,", Rule::Xattr),
        ("xattr:user.a:,", "xattr:user.a:=,", Rule::Xattr),
        ("xattr:user.a:,", "xattr::,", Rule::Xattr),
        (":dg==", ":dh==", Rule::Xattr),
        (
            "sha256=b",
            "sha256=B",
            Rule::Digest("".parse::<crate::digest::Digest>().unwrap_err()),
        ),
    ] {
        assert_eq!(refused(from, to), rule, "{from} -> {to}");
    }
    let rule = |bytes: &[u8]| Manifest::parse(bytes).map(drop).unwrap_err().rule;
    assert_eq!(rule(b""), Rule::Root);
    assert_eq!(rule(b"\n"), Rule::Path(PathError::Relative));
    assert_eq!(rule(good.trim_end().as_bytes()), Rule::Truncated);
    assert_eq!(
        rule(format!("#mtree\n{good}").as_bytes()),
        Rule::Path(PathError::Relative)
    );
    assert_eq!(
        rule(format!("{good}\n").as_bytes()),
        Rule::Path(PathError::Relative)
    );
    let rootless = good.split_once('\n').unwrap().1;
    assert_eq!(rule(rootless.as_bytes()), Rule::Root);
}

#[test]
fn a_cut_manifest_never_passes_for_another_spelling() {
    let good = text();
    for length in 0..good.len() {
        if let Ok(manifest) = Manifest::parse(&good.as_bytes()[..length]) {
            // Cut between lines and outside of a hard-link group: another manifest, another digest.
            assert_eq!(manifest.to_bytes(), &good.as_bytes()[..length]);
        }
    }
}

#[test]
fn the_example_of_the_format_is_a_manifest() {
    let page = include_str!("../../docs/formats/manifest.md");
    let example = page.split("```text\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    assert_eq!(
        Manifest::parse(example.as_bytes()).map(|it| it.to_bytes()),
        Ok(example.into())
    );
}

proptest::proptest! {
    #[test]
    fn what_parses_is_canonical(line in "(\\.|\\./[a-c\\\\0-7]{1,6}) type=(dir|file|link) mode=0[0-7]{3} uid=[0-9]{1,3} gid=0 (link=[a-c/]{0,3} )?tags=[a-z:.,]{1,20}") {
        let bytes = format!(". type=dir mode=0755 uid=0 gid=0 tags=template:karat\n{line}\n");
        if let Ok(manifest) = Manifest::parse(bytes.as_bytes()) {
            assert_eq!(manifest.to_bytes(), bytes.as_bytes());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        drop(Manifest::parse(&bytes));
    }
}

#[test]
fn parts_and_threads_make_no_difference() {
    let good = text();
    for other in [
        good.clone(),
        good.replace("mode=0600", "mode=600"),
        good.trim_end().to_owned(),
        format!("{good}{good}"),
        format!("{good}\n"),
        "x".to_owned(),
        String::new(),
    ] {
        let text = other.as_bytes();
        let whole = Manifest::parse(text);
        for size in [1, 7, 64, 1 << 20] {
            let chunks = std::io::BufReader::with_capacity(size, text);
            let read = Parts::read(chunks, 1 << 20).unwrap();
            assert_eq!(read.content(), Content::of(text));
            for threads in 1..4 {
                let threads = std::num::NonZero::new(threads).unwrap();
                let mut lines: Vec<Vec<u8>> = Vec::new();
                for line in text.split_inclusive(|byte| *byte == b'\n') {
                    lines.push(line.to_vec());
                }
                for parts in [read.clone(), Parts(lines)] {
                    let content = parts.content();
                    assert_eq!(Manifest::parse_parts(parts, content, threads), whole);
                }
            }
        }
    }
    let capped = Parts::read(good.as_bytes(), 10).unwrap_err();
    assert_eq!(capped.kind(), std::io::ErrorKind::FileTooLarge);
}

#[test]
fn every_listed_path_is_found_and_no_other() {
    let manifest = Manifest::parse(text().as_bytes()).unwrap();
    for (place, entry) in manifest.entries().iter().enumerate() {
        assert_eq!(manifest.place(&entry.path), Some(place));
        let below = entry.path.join("no-such-name").unwrap();
        assert_eq!(manifest.place(&below), None);
    }
}
