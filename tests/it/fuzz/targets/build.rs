//! What is written for a build: templates, locks, and the machine's own apt sources.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use karat::archive::apt::{debian_mirrors, parse_deb822, parse_list};
use karat::digest::Digest;
use karat::lock::{Basis, LockedPackage, LockedRelease, Lockfile};
use karat::template::load;
use karat::tree::{Content, Epoch};

use super::seeds::texts;

/// A lock is written as it was read, but for its spelling.
pub fn lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(lock) = Lockfile::parse(text) {
        let written = lock.encode();
        assert_eq!(Lockfile::parse(&written).as_ref(), Ok(&lock));
        assert_eq!(Lockfile::parse(&written).unwrap().encode(), written);
        for package in &lock.packages {
            assert!(
                karat::deb::release::is_below(&package.path),
                "{:?}",
                package.path
            );
        }
    }
}

pub fn lock_seeds() -> Vec<Vec<u8>> {
    let time = Epoch::new(1_760_000_000).unwrap();
    let lock = Lockfile {
        epoch: time,
        architecture: "amd64".parse().unwrap(),
        distribution: "debian".to_owned(),
        suite: "trixie".to_owned(),
        agent: Some(Digest::of(b"agent")),
        template: Digest::of(b"template"),
        basis: Basis {
            packages: vec!["nginx-light".to_owned(), "openssh-server".to_owned()],
            components: vec!["main".to_owned()],
            pockets: vec!["security".to_owned()],
            initrd: "karat".to_owned(),
            ..Basis::default()
        },
        releases: vec![LockedRelease {
            name: "debian/trixie".parse().unwrap(),
            date: time,
            valid_until: Some(time),
            digest: Digest::of(b"release"),
            signed_by: vec!["0123456789ABCDEF0123456789ABCDEF01234567".parse().unwrap()],
        }],
        packages: vec![LockedPackage {
            name: "nginx-light".parse().unwrap(),
            version: "1.2~3".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            content: Content::of(b"package"),
            path: "pool/main/n/nginx-light_1.2~3_amd64.deb".to_owned(),
            source: "debian/trixie".parse().unwrap(),
        }],
    };
    let text = lock.encode();
    assert!(Lockfile::parse(&text).is_ok(), "{text}");
    texts([
        text.clone(),
        text.replace("pool/main", "../main"),
        text.replace("1.2~3", "1_2"),
    ])
}

/// Any template ends in a value or in diagnostics with a place in its text.
pub fn template(bytes: &[u8]) {
    let shipped = &*SHIPPED;
    let files = |path: &Path, cap: u64| -> io::Result<Vec<u8>> {
        if path == Path::new("fuzz.toml") {
            assert!(u64::try_from(bytes.len()).unwrap() <= cap || bytes.len() > 1 << 19);
            return Ok(bytes.to_vec());
        }
        assert!(path.is_relative(), "{}", path.display());
        shipped
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    match load(Path::new("fuzz.toml"), &files) {
        Ok(template) => {
            // What is shown holds together, and its digest is that of a value, not of a moment.
            assert_eq!(
                template.digest(),
                load(Path::new("fuzz.toml"), &files).unwrap().digest()
            );
            let shown = template.to_toml();
            assert!(toml::from_str::<toml::Table>(&shown).is_ok(), "{shown}");
        }
        Err(diagnostics) => {
            assert!(!diagnostics.0.is_empty());
            for one in &diagnostics.0 {
                assert!(!one.to_string().is_empty());
            }
        }
    }
}

/// The templates that karat brings along, by the path that `extends` gives.
static SHIPPED: std::sync::LazyLock<BTreeMap<PathBuf, Vec<u8>>> = std::sync::LazyLock::new(|| {
    BTreeMap::from([
        (PathBuf::from("parent.toml"), PARENT.into()),
        (PathBuf::from("hosts"), b"127.0.0.1\n".into()),
    ])
});

const PARENT: &str = r#"
[image]
name = "base"
version = "1"
description = "a parent"

[source]
distribution = "debian"
suite = "trixie"
components = ["main"]

[packages]
include = ["openssh-server"]
"#;

pub fn template_seeds() -> Vec<Vec<u8>> {
    texts([
        PARENT.to_owned(),
        "extends = \"parent.toml\"\n[image]\nname = \"web\"\nversion = \"2\"\n[packages]\ninclude = [\"nginx\"]\n\
         [[files]]\npath = \"/etc/hosts\"\nsource = \"hosts\"\nmode = \"0644\"\n\
         [[users]]\nname = \"web\"\nuid = 1500\nshell = \"/bin/sh\"\n"
            .to_owned(),
        "extends = \"fuzz.toml\"\n".to_owned(),
        "[image]\nname = 3\nname = 4\n".to_owned(),
        "[services]\nenable = [\"ssh.service\"]\n[kernel]\ncmdline = [\"quiet\"]\n[verify]\nexpiry = \"warn\"\n".to_owned(),
    ])
}

/// Sources that are not understood are passed over; nothing of them gets into a mirror unread.
pub fn apt_sources(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for sources in [parse_list(text), parse_deb822(text)] {
        for source in &sources {
            assert!(source.uris.iter().all(|uri| text.contains(uri.as_str())));
        }
        drop(debian_mirrors(&sources, &|_| Some(text.to_owned())));
    }
}

pub fn apt_source_seeds() -> Vec<Vec<u8>> {
    texts([
        "deb [signed-by=/k.gpg arch=amd64] http://deb.example/debian trixie main contrib # c\n",
        "Types: deb\nURIs: http://deb.example/debian mirror+file:/etc/apt/mirrors.list\nSuites: trixie trixie-updates\n\
         Components: main\nSigned-By:\n -----BEGIN\n .\nEnabled: yes\n",
        "deb cdrom:[x]/ trixie main\ndeb-src http://a b c\ndeb [ ] \n",
    ])
}
