//! What is written for a build: templates, locks, and the machine's own apt sources.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use karat::archive::apt::{debian_mirrors, parse_deb822, parse_list};
use karat::digest::Digest;
use karat::lock::{Basis, LockedPackage, LockedRelease, Lockfile};
use karat::segment::{Charter, Fleet, Spot, check, export};
use karat::template::{load, load_charter};
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
            boot: false,
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
            judged(&Fleet::new(vec![template.member()], Charter::default()));
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

/// Any `fleet.toml` ends in demands or in diagnostics; what they demand of a fleet is judged, drawn and
/// exported without a fault of ours.
pub fn fleet(bytes: &[u8]) {
    let files = |path: &Path, _: u64| -> io::Result<Vec<u8>> {
        match path.to_str() {
            Some("fleet.toml") => Ok(bytes.to_vec()),
            Some("web.toml") => Ok(member("web", "frontend", "public", "db").into_bytes()),
            Some("db.toml") => Ok(member("db", "data", "segment", "web").into_bytes()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    };
    match load_charter(Path::new("fleet.toml"), &files) {
        Ok(chartered) => {
            let members = ["web.toml", "db.toml"].map(|name| {
                let template = load(Path::new(name), &files);
                template.unwrap_or_else(|found| panic!("{found}")).member()
            });
            judged(&Fleet::new(members.into(), chartered.charter));
        }
        Err(diagnostics) => {
            assert!(!diagnostics.0.is_empty());
            for one in &diagnostics.0 {
                assert!(!one.to_string().is_empty());
            }
        }
    }
}

fn member(name: &str, category: &str, audience: &str, other: &str) -> String {
    format!(
        "[image]\nname = \"{name}\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n[segment]\n\
         category = \"{category}\"\nsegment = \"{name}\"\n[[segment.provides]]\nname = \"s\"\nport = \"80-90\"\n\
         audience = \"{audience}\"\n[[segment.consumes]]\nservice = \"s\"\nsegment = \"{other}\"\nport = 85\n\
         [[segment.egress]]\nto = \"any\"\n[[segment.egress]]\nto = \"log\"\n"
    )
}

/// Whatever a fleet states, each view of it is made, and findings have places in it.
fn judged(fleet: &Fleet) {
    for finding in check(fleet, "2030-01-01") {
        if let Spot::Member(index, _) = finding.spot {
            assert!(index < fleet.members.len());
        }
        assert!(!finding.message.is_empty());
    }
    let rows = export::flows(&fleet.graph).lines().count();
    assert_eq!(rows, fleet.graph.links.len() + 1);
    assert!(export::dot(&fleet.graph).ends_with("}\n"));
    assert!(karat::cli::segment_page::svg(&fleet.graph).ends_with("</svg>\n"));
    if let Ok(policies) = export::network_policies(fleet) {
        assert_eq!(policies.each.len(), fleet.segments.len() + 1);
    }
    drop(export::terraform_aws(fleet));
    drop(export::cilium(fleet));
}

pub fn fleet_seeds() -> Vec<Vec<u8>> {
    texts([
        "outside = [\"office\"]\n[addresses]\noffice = [\"192.0.2.0/24\"]\nlog = [\"10.0.0.1\", \"::/0\"]\nweb = [\"10.0.0.0/8\"]\n"
            .to_owned(),
        "[[must_deny]]\nfrom = \"public\"\nto = \"category:data\"\nport = \"80-81\"\nproto = \"udp\"\nindirect = true\nreason = \"r\"\n\
         [[must_permit]]\nfrom = \"web\"\nto = \"db\"\nport = 85\n"
            .to_owned(),
        "outside = 1\n[addresses]\nweb = \"x\"\n[[must_permit]]\nfrom = 1\n".to_owned(),
    ])
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
        "[image]\nname = \"web\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n[segment]\ncategory = \"legacy\"\nsegment = \"s\"\nadmin_from = [\"a\"]\n\
         gateway = \"g\"\nexposure = { \"a.service\" = 3.0 }\n[[segment.provides]]\nname = \"p\"\nport = \"1-9\"\naudience = [\"a\"]\n\
         [[segment.egress]]\nto = \"10.0.0.0/8\"\n"
            .to_owned(),
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
