//! What comes from mirrors: packages, indexes, Release files, and the signatures on them.

use std::cmp::Ordering;
use std::io::{Cursor, Read as _};
use std::sync::LazyLock;

use karat::deb::archive::{Archive, Control, Entries, EntryKind};
use karat::deb::openpgp::{Keyring, verify};
use karat::deb::release::{Layout, Release, is_below};
use karat::deb::{Architecture, PackageName, RelationField, Source, Universe, Version, relation};
use karat::limits;

use super::seeds::texts;
use crate::support::deb::{Compression, Deb, ar};
use crate::support::pgp::{Key, MADE};

/// How many bytes of content are taken: a bomb is cut, not waited for.
const TAKEN: u64 = 1 << 20;

/// What is read of a package has clean paths and as many bytes as it said.
pub fn deb(bytes: &[u8]) {
    let Ok(mut archive) = Archive::open(Cursor::new(bytes)) else {
        return;
    };
    if let Ok(control) = archive.control() {
        assert!(Control::parse(control.text()).is_ok());
        assert!(control.conffiles().iter().all(|(path, _)| !path.is_root()));
        for (name, _) in control.members() {
            assert!(!name.contains(['/', '.', '\0']) && !name.is_empty());
        }
    }
    if let Ok(entries) = archive.data() {
        walk(entries);
    }
}

fn walk(mut entries: Entries<impl std::io::Read>) {
    for _ in 0..10_000 {
        let Ok(Some(entry)) = entries.next() else {
            return;
        };
        assert!(entry.path.as_bytes().starts_with(b"/"));
        assert!(entry.path.as_bytes().len() <= limits::PATH_MAX);
        let mut content = Vec::new();
        let taken = entries.content().take(TAKEN).read_to_end(&mut content);
        if let (Ok(_), EntryKind::Regular(size)) = (taken, &entry.kind) {
            assert_eq!(u64::try_from(content.len()).unwrap(), TAKEN.min(*size));
        }
    }
}

pub fn deb_seeds() -> Vec<Vec<u8>> {
    let package = |compression| package().compression(compression).build();
    let mut seeds: Vec<Vec<u8>> = [
        Compression::None,
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
    ]
    .map(package)
    .to_vec();
    seeds.push(ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", b""),
        ("data.tar", b""),
    ]));
    seeds.push(ar(&[("_extra", b"x")]));
    seeds
}

fn package() -> Deb {
    Deb::new("hello", "1:2.10-3")
        .field(
            "Depends",
            "libc6 (>= 2.38), default-mta | mail-transport-agent",
        )
        .control("conffiles", "/etc/hello\nremove-on-upgrade /etc/gone\n")
        .control("postinst", "#!/bin/sh\nexit 0\n")
        .file("/usr/bin/hello", 0o4755, b"hello")
        .file(&format!("/usr/{}", "d".repeat(120)), 0o644, b"long")
        .symlink("/usr/bin/hi", "hello")
        .hard_link("/usr/bin/again", "/usr/bin/hello")
}

/// The tar of a package alone.
pub fn deb_tar(bytes: &[u8]) {
    walk(Entries::new(bytes, "data.tar"));
}

pub fn deb_tar_seeds() -> Vec<Vec<u8>> {
    let bytes = package().compression(Compression::None).build();
    let start = bytes
        .windows(8)
        .position(|name| name == b"data.tar")
        .unwrap();
    vec![bytes[start + 60..].to_vec(), vec![0; 1024]]
}

/// A stanza's fields are found by their names, and no name stands there twice.
pub fn control(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let length: usize = karat::deb::control::stanzas(text)
        .map(|stanza| {
            let fields: Vec<_> = stanza.fields().take(1000).map_while(Result::ok).collect();
            for field in &fields {
                assert!(!field.name.is_empty() && text.contains(field.value));
            }
            fields.len()
        })
        .sum();
    assert!(length <= text.len());
    if let Ok(control) = Control::parse(text) {
        assert_eq!(control.text(), text);
    }
}

pub fn control_seeds() -> Vec<Vec<u8>> {
    texts([
        package().stanza(),
        format!("{}\n{}", package().stanza(), Deb::new("a", "1").stanza()),
        "Package: a\nDescription: b\n c\n .\n d\n".to_owned(),
        "A: 1\na: 2\n".to_owned(),
        "# comment\n\n\nA:1\n\tb\n".to_owned(),
    ])
}

/// Each stanza that is taken has a valid name, version and architecture, and a path that stays inside.
pub fn packages(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else {
        return;
    };
    let mut universe = Universe::new();
    let added = universe.add(Source::named("fuzz/main"), text);
    assert_eq!(added.is_err(), universe.sources().is_empty());
    for record in universe.records() {
        assert!(record.name().parse::<PackageName>().is_ok());
        assert!(record.version().parse::<Version>().is_ok());
        assert!(record.architecture().parse::<Architecture>().is_ok());
        assert!(
            record
                .filename()
                .split('/')
                .all(|part| !matches!(part, ".." | "." | ""))
        );
        for field in [
            RelationField::Depends,
            RelationField::Provides,
            RelationField::Conflicts,
        ] {
            drop(record.relations(field));
        }
        assert!(
            universe
                .packages(record.name())
                .any(|one| one.id() == record.id())
        );
    }
}

pub fn package_seeds() -> Vec<Vec<u8>> {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let stanza = |name: &str, more: &str| {
        format!(
            "Package: {name}\nVersion: 1:2.3~rc1-4+b5\nArchitecture: amd64\nFilename: pool/main/{name}.deb\n\
             Size: 1234\nSHA256: {digest}\nInstalled-Size: 12\n{more}"
        )
    };
    texts([
        stanza(
            "a",
            "Depends: b (>= 1), c | d\nProvides: e (= 2), f\nMulti-Arch: same\nEssential: yes\n",
        ),
        stanza("a", "") + "\n" + &stanza("b", "Source: a (1)\nPriority: required\nConflicts: a\n"),
        stanza("a", "").replace("pool/", "../"),
    ])
}

/// The key that signs the archive of these targets.
static ARCHIVE_KEY: LazyLock<Key> = LazyLock::new(|| Key::new(1));
static KEYRING: LazyLock<Keyring> =
    LazyLock::new(|| Keyring::parse(&ARCHIVE_KEY.keyring()).unwrap());

const RELEASE: &str = "Origin: Debian\nLabel: Debian\nSuite: stable\nVersion: 13.1\nCodename: trixie\n\
    Date: Sat, 06 Sep 2025 08:48:42 UTC\nValid-Until: Sat, 13 Sep 2025 08:48:42 UTC\n\
    Acquire-By-Hash: yes\nArchitectures: all amd64\nComponents: main contrib\nSHA256:\n \
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\n";

/// Text that an archive signed: every index has its digest, and a path that stays below the suite.
pub fn release(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Signing goes by lines; other ends of lines are signed as these.
    if text.contains('\r') {
        return;
    }
    let signed = ARCHIVE_KEY.sign(text, MADE);
    let Ok(signed) = verify(signed.as_bytes(), &KEYRING, MADE + 1) else {
        return;
    };
    for layout in [Layout::Suite, Layout::Flat] {
        if let Ok(release) = Release::parse(&signed, layout) {
            for component in &release.components {
                let indexes = release.indexes(component, &"amd64".parse().unwrap());
                for index in indexes.into_iter().flatten() {
                    assert!(is_below(&index.path), "{:?}", index.path);
                    for (path, _, content) in &index.forms {
                        assert!(is_below(path) && content.size <= limits::PACKAGES_INDEX_MAX);
                    }
                }
            }
        }
    }
}

pub fn release_seeds() -> Vec<Vec<u8>> {
    texts([
        RELEASE.to_owned(),
        RELEASE.replace("main/binary", "../binary"),
        RELEASE.replace("Suite: stable\n", "Suite: stable\nsuite: other\n"),
        format!("{RELEASE}\n{RELEASE}"),
        "SHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 Packages\n"
            .to_owned(),
    ])
}

/// Whatever is done to a signed file, what comes out as signed is what was signed.
pub fn inrelease(bytes: &[u8]) {
    if let Ok(signed) = verify(bytes, &KEYRING, MADE + 1000) {
        let trimmed = |text: &str| -> Vec<String> {
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect()
        };
        let known = [RELEASE, "", "- dash\n-- two \nFrom\n"].map(trimmed);
        assert!(
            known.contains(&trimmed(signed.text())),
            "a forgery: {:?}",
            signed.text()
        );
        assert!(!signed.signers().is_empty());
    }
}

pub fn inrelease_seeds() -> Vec<Vec<u8>> {
    let stranger = Key::new(2);
    texts([
        ARCHIVE_KEY.sign(RELEASE, MADE),
        ARCHIVE_KEY.sign("", MADE),
        ARCHIVE_KEY.sign("- dash\n-- two \nFrom\n", MADE),
        stranger.sign(RELEASE, MADE),
    ])
}

/// A keyring that is taken has keys.
pub fn keyring(bytes: &[u8]) {
    if let Ok(keyring) = Keyring::parse(bytes) {
        assert!(!keyring.fingerprints().is_empty());
        assert!(u64::try_from(bytes.len()).unwrap() <= limits::KEYRING_MAX);
        // Such a key judges the signatures of others.
        drop(verify(INRELEASE.as_bytes(), &keyring, MADE + 1000));
    }
}

static INRELEASE: LazyLock<String> = LazyLock::new(|| ARCHIVE_KEY.sign(RELEASE, MADE));

pub fn keyring_seeds() -> Vec<Vec<u8>> {
    let other = Key::new(2);
    vec![
        ARCHIVE_KEY.keyring(),
        ARCHIVE_KEY.armoured().into_bytes(),
        [ARCHIVE_KEY.keyring(), other.keyring()].concat(),
        (ARCHIVE_KEY.armoured() + "\n" + &other.armoured()).into_bytes(),
    ]
}

/// What is read of a relation is written so that it reads the same.
pub fn relation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(relations) = relation::parse(text) else {
        return;
    };
    let written: Vec<String> = relations.iter().map(ToString::to_string).collect();
    let written = written.join(", ");
    assert_eq!(relation::parse(&written).as_ref(), Ok(&relations));
    for alternative in relations.iter().flat_map(|one| &one.alternatives) {
        assert!(PackageName::is_valid(alternative.name));
        if let Some(constraint) = alternative.constraint {
            _ = constraint.allows("1.0");
            assert!(constraint.version.parse::<Version>().is_ok());
        }
    }
}

pub fn relation_seeds() -> Vec<Vec<u8>> {
    texts([
        "libc6 (>= 2.38), default-mta | mail-transport-agent, python3:any",
        "a (<< 1~), b(=2:3-4) ,, c:amd64 (> 1) | d",
        "a [amd64], b <!nocheck>",
        "",
    ])
}

/// The order of versions is one: the bytes are two of them, with a comma between.
pub fn version(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let versions: Vec<Version> = text.split(',').filter_map(|one| one.parse().ok()).collect();
    for one in &versions {
        assert_eq!(
            one.as_str()
                .parse::<Version>()
                .as_ref()
                .map(|again| again.cmp(one)),
            Ok(Ordering::Equal)
        );
        for two in &versions {
            assert_eq!(one.cmp(two), two.cmp(one).reverse());
            for three in &versions {
                assert!(one > two || two > three || one <= three);
            }
        }
    }
}

pub fn version_seeds() -> Vec<Vec<u8>> {
    texts([
        "1.0,1.0~rc1,1.0-1",
        "0:1,1,1-0",
        "99999999999999999999:1,1:99999999999999999999-x+~",
        "1.a,1.+,1.~,1.0a",
    ])
}
