//! Locking over archives made by the test: what is wrong with an archive is refused by its name.

use std::path::Path;

use karat::archive::mirror::Named;
use karat::archive::{
    Cache, FetchError, ObtainError, Origins, Patience, Proxies, RepositoryError, obtain, vendor,
};
use karat::deb::openpgp::OpenPgpError;
use karat::deb::release::ReleaseError;
use karat::lock::{Change, Lockfile};
use karat::ops::lock::{LockFailure, Locked, Sources, Update, Wanted, lock};
use karat::ops::template;
use karat::progress::Silent;
use karat::template::Template;
use karat::tree::Epoch;

use crate::support::Scratch;
use crate::support::deb::Deb;
use crate::support::pgp::{Key, KeySpec};
use crate::support::repository::{DATE, Repository, uri};

/// A directory with an archive, a template that asks for `hello`, and a cache.
pub(super) struct Bench {
    pub(super) scratch: Scratch,
    pub(super) key: Key,
    pub(super) template: String,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            scratch: Scratch::new("repository"),
            key: Key::new(1),
            template: "packages = [\"hello\"]\n[image]\nname = \"t\"\nversion = \"1\"\n\
                architecture = \"amd64\"\n[source]\nsuite = \"trixie\"\npockets = []\n\
                keyring = \"key.gpg\"\n"
                .to_owned(),
        }
    }

    pub(super) fn archive(&self) -> std::path::PathBuf {
        self.scratch.join("archive")
    }

    pub(super) fn sources(&self) -> Sources {
        Sources {
            flags: Named {
                main: Some(uri(&self.archive())),
                security: None,
            },
            environment: Named::default(),
            apt: self.scratch.join("no-apt"),
            offline: false,
            vendor: None,
            proxies: Proxies::default(),
            patience: Patience::default(),
            architecture: "amd64".to_owned(),
            epoch: None,
        }
    }

    pub(super) fn template(&self) -> Template {
        std::fs::write(self.scratch.join("key.gpg"), self.key.keyring()).unwrap();
        let path = self.scratch.join("t.toml");
        std::fs::write(&path, &self.template).unwrap();
        template::load(&path).unwrap()
    }

    pub(super) fn cache(&self) -> Cache {
        Cache::open(&self.scratch.join("cache")).unwrap()
    }

    pub(super) fn lock(
        &self,
        existing: Option<&Lockfile>,
        update: &Update,
    ) -> Result<Locked, LockFailure> {
        let template = self.template();
        let wanted = Wanted {
            template: &template,
            agent: None,
        };
        lock(
            &wanted,
            existing,
            update,
            &self.sources(),
            &self.cache(),
            &Silent,
        )
    }

    pub(super) fn fresh(&self) -> Result<Locked, LockFailure> {
        self.lock(None, &Update::AsNeeded)
    }

    pub(super) fn refused(&self) -> RepositoryError {
        match self.fresh() {
            Err(LockFailure::Repository(error)) => *error,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn untrusted(&self) -> OpenPgpError {
        match self.refused() {
            RepositoryError::Untrusted { source, .. } => source,
            other => panic!("{other}"),
        }
    }

    pub(super) fn origins(&self) -> Origins {
        let archive = karat::archive::Location::File(self.archive());
        Origins {
            archives: [("debian".to_owned(), archive)].into(),
            vendor: None,
        }
    }

    pub(super) fn obtain(&self, lock: &Lockfile, origins: &Origins) -> Result<usize, ObtainError> {
        let network = karat::archive::Network::new(Proxies::default(), Patience::default());
        obtain(lock, origins, &network, &self.cache(), &Silent).map(|packages| packages.len())
    }
}

pub(super) fn archive(version: &str) -> Repository {
    Repository::new("trixie")
        .package(
            Deb::new("hello", version)
                .field("Depends", "libhello")
                .file("/usr/bin/hello", 0o755, b"#!/bin/sh\n"),
        )
        .package(Deb::new("libhello", version).file("/usr/lib/libhello", 0o644, version.as_bytes()))
        .package(Deb::new("unrelated", "1"))
}

pub(super) fn versions(lock: &Lockfile) -> Vec<String> {
    let packages = lock.packages.iter();
    packages
        .map(|one| format!("{} {}", one.name, one.version))
        .collect()
}

#[test]
fn lock_and_obtain() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let Locked { lock, diff, .. } = bench.fresh().unwrap();
    assert_eq!(versions(&lock), ["hello 1", "libhello 1"]);
    assert_eq!(lock.epoch, Epoch::new(DATE).unwrap(), "the Release date");
    assert_eq!(
        lock.releases[0].signed_by[0].as_str(),
        bench.key.fingerprint()
    );
    assert_eq!(diff.packages.len(), 2);
    assert!(!lock.encode().contains("file:"));
    assert_eq!(bench.obtain(&lock, &bench.origins()).unwrap(), 2);
}

#[test]
fn same_archive_same_lock() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let first = bench.fresh().unwrap().lock.encode();
    std::fs::remove_dir_all(bench.scratch.join("cache")).unwrap();
    assert_eq!(bench.fresh().unwrap().lock.encode(), first);
}

#[test]
fn epoch_of_template_and_environment() {
    let mut bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    bench.template = bench
        .template
        .replace("version = \"1\"\n", "version = \"1\"\nepoch = 5\n");
    assert_eq!(bench.fresh().unwrap().lock.epoch.seconds(), 5);
    let template = bench.template();
    let wanted = Wanted {
        template: &template,
        agent: None,
    };
    let sources = Sources {
        epoch: Some(Epoch::new(7).unwrap()),
        ..bench.sources()
    };
    let locked = lock(
        &wanted,
        None,
        &Update::All,
        &sources,
        &bench.cache(),
        &Silent,
    )
    .unwrap();
    assert_eq!(locked.lock.epoch.seconds(), 7);
}

#[test]
fn unsigned_archive() {
    let bench = Bench::new();
    archive("1").write_signed(&bench.archive(), |text| text);
    assert_eq!(bench.untrusted(), OpenPgpError::Unsigned);
}

#[test]
fn tampered_release() {
    let bench = Bench::new();
    archive("1").write_signed(&bench.archive(), |text| {
        bench
            .key
            .sign(&text, DATE)
            .replace("Label: Test", "Label: Evil")
    });
    assert!(matches!(bench.untrusted(), OpenPgpError::BadSignature(_)));
}

#[test]
fn archive_signed_by_another_key() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &Key::new(2));
    assert!(matches!(
        bench.untrusted(),
        OpenPgpError::UnknownKeys { .. }
    ));
}

#[test]
fn archive_signed_by_a_revoked_key() {
    let mut bench = Bench::new();
    bench.key = Key::of(&KeySpec {
        revoked: Some(DATE),
        ..KeySpec::default()
    });
    archive("1").write(&bench.archive(), &bench.key);
    assert!(matches!(bench.untrusted(), OpenPgpError::Rejected(_)));
}

#[test]
fn debian_keys_are_no_fallback() {
    // Without a keyring of its own the template's archive must be signed by Debian.
    let mut bench = Bench::new();
    bench.template = bench.template.replace("keyring = \"key.gpg\"\n", "");
    archive("1").write(&bench.archive(), &bench.key);
    assert!(matches!(
        bench.untrusted(),
        OpenPgpError::UnknownKeys { .. }
    ));
}

#[test]
fn extra_repository_has_its_own_keys() {
    let mut bench = Bench::new();
    let extra = bench.scratch.join("extra");
    bench.template = bench
        .template
        .replace("[\"hello\"]", "[\"hello\", \"tool\"]");
    bench.template += &format!(
        "[[source.extra]]\nname = \"tools\"\nuri = \"{}\"\nsuite = \"stable\"\n\
         components = [\"main\"]\nkey = \"extra.gpg\"\n",
        uri(&extra)
    );
    let own = Key::new(9);
    std::fs::write(bench.scratch.join("extra.gpg"), own.keyring()).unwrap();
    archive("1").write(&bench.archive(), &bench.key);
    let tools = Repository::new("stable").package(Deb::new("tool", "3"));
    tools.write(&extra, &own);
    let lock = bench.fresh().unwrap().lock;
    let tool = lock.package(&"tool".parse().unwrap()).unwrap();
    assert_eq!(tool.source.to_string(), "tools/stable");
    tools.write(&extra, &bench.key);
    assert!(
        matches!(bench.untrusted(), OpenPgpError::UnknownKeys { .. }),
        "the archive's key does not count for the extra repository"
    );
}

#[test]
fn expired_release() {
    let bench = Bench::new();
    let mut repository = archive("1");
    repository.valid_until = Some(DATE + 60);
    repository.write(&bench.archive(), &bench.key);
    let RepositoryError::Release { source, .. } = bench.refused() else {
        panic!("accepted");
    };
    assert!(matches!(*source, ReleaseError::Expired { .. }), "{source}");
}

#[test]
fn rolled_back_release() {
    let bench = Bench::new();
    let mut repository = archive("2");
    repository.date = DATE + 100;
    repository.write(&bench.archive(), &bench.key);
    let new = bench.fresh().unwrap().lock;
    archive("1").write(&bench.archive(), &bench.key);
    let result = bench.lock(Some(&new), &Update::All);
    let Err(LockFailure::Repository(error)) = result else {
        panic!("{result:?}");
    };
    let RepositoryError::Release { source, .. } = *error else {
        panic!("{error}");
    };
    assert!(
        matches!(*source, ReleaseError::RolledBack { .. }),
        "{source}"
    );
}

#[test]
fn release_of_another_suite() {
    let bench = Bench::new();
    let mut other = archive("1");
    other.write(&bench.archive(), &bench.key);
    other.codename = "bookworm".to_owned();
    other.write(&bench.archive(), &bench.key);
    let dists = bench.archive().join("dists");
    std::fs::copy(
        dists.join("bookworm/InRelease"),
        dists.join("trixie/InRelease"),
    )
    .unwrap();
    let RepositoryError::Release { source, .. } = bench.refused() else {
        panic!("accepted");
    };
    assert!(matches!(*source, ReleaseError::Suite { .. }), "{source}");
}

#[test]
fn missing_pocket() {
    let mut bench = Bench::new();
    bench.template = bench
        .template
        .replace("pockets = []", "pockets = [\"updates\"]");
    archive("1").write(&bench.archive(), &bench.key);
    let error = bench.refused();
    assert!(
        matches!(&error, RepositoryError::NoRelease { name, .. } if name.suite() == "trixie-updates"),
        "{error}"
    );
}

/// Replaces each form of the index, by-hash ones included, that `change` gives bytes for.
fn spoil_indexes(root: &Path, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) {
    let directory = root.join("dists/trixie/main/binary-amd64");
    std::fs::remove_dir_all(directory.join("by-hash")).unwrap();
    for name in ["Packages", "Packages.gz", "Packages.xz"] {
        let path = directory.join(name);
        match change(name, std::fs::read(&path).unwrap()) {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
}

#[test]
fn other_forms_of_an_index_will_do() {
    for only in ["Packages", "Packages.gz", "Packages.xz"] {
        let bench = Bench::new();
        archive("1").write(&bench.archive(), &bench.key);
        spoil_indexes(&bench.archive(), |name, bytes| {
            (name == only).then_some(bytes)
        });
        assert_eq!(bench.fresh().unwrap().lock.packages.len(), 2, "{only}");
    }
}

#[test]
fn tampered_index() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    spoil_indexes(&bench.archive(), |_, mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Some(bytes)
    });
    let error = bench.refused();
    assert!(
        matches!(error, RepositoryError::Fetch(FetchError::WrongBytes { .. })),
        "{error}"
    );
}

#[test]
fn truncated_and_oversized_index() {
    for more in [false, true] {
        let bench = Bench::new();
        archive("1").write(&bench.archive(), &bench.key);
        spoil_indexes(&bench.archive(), |_, mut bytes| {
            if more {
                bytes.extend_from_slice(&[0; 100_000]);
            } else {
                bytes.truncate(bytes.len() / 2);
            }
            Some(bytes)
        });
        let error = bench.refused();
        assert!(
            matches!(error, RepositoryError::Fetch(FetchError::WrongBytes { .. })),
            "{error}"
        );
    }
}

#[test]
fn index_that_is_a_bomb() {
    // A compressed index whose own digest is right, but that decompresses to more than the Release
    // says that the plain one has.
    let bench = Bench::new();
    let bomb = crate::support::deb::compress(
        &vec![b'\n'; 50_000_000],
        crate::support::deb::Compression::Xz,
    );
    archive("1").write_signed(&bench.archive(), |text| {
        let line = text
            .lines()
            .find(|line| line.ends_with("Packages.xz"))
            .unwrap();
        let digest = karat::digest::Digest::of(&bomb);
        let new = format!(" {digest} {} main/binary-amd64/Packages.xz", bomb.len());
        bench.key.sign(&text.replace(line, &new), DATE)
    });
    spoil_indexes(&bench.archive(), |name, bytes| {
        Some(if name.ends_with(".xz") {
            bomb.clone()
        } else {
            bytes
        })
    });
    let error = bench.refused();
    assert!(
        matches!(error, RepositoryError::DamagedIndex { .. }),
        "{error}"
    );
}

#[test]
fn package_with_wrong_bytes() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let lock = bench.fresh().unwrap().lock;
    let deb = bench.archive().join("pool/main/hello/hello_1_amd64.deb");
    let mut bytes = std::fs::read(&deb).unwrap();
    bytes[100] ^= 1;
    std::fs::write(deb, bytes).unwrap();
    let error = bench.obtain(&lock, &bench.origins()).unwrap_err();
    assert!(
        matches!(&error, ObtainError::Package { package, source: FetchError::WrongBytes { .. } }
            if package == "hello 1"),
        "{error}"
    );
}

#[test]
fn vendored_copy_outlives_the_archive() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let lock = bench.fresh().unwrap().lock;
    let directory = bench.scratch.join("vendor");
    {
        let cache = bench.cache();
        let network = karat::archive::Network::new(Proxies::default(), Patience::default());
        let packages = obtain(&lock, &bench.origins(), &network, &cache, &Silent).unwrap();
        assert_eq!(vendor(&packages, &directory).unwrap(), 2);
        assert_eq!(vendor(&packages, &directory).unwrap(), 0, "nothing to do");
    }
    std::fs::remove_dir_all(bench.archive()).unwrap();
    std::fs::remove_dir_all(bench.scratch.join("cache")).unwrap();
    let gone = bench.obtain(&lock, &bench.origins()).unwrap_err();
    assert!(
        matches!(
            gone,
            ObtainError::Package {
                source: FetchError::NotFound(_),
                ..
            }
        ),
        "{gone}"
    );
    let origins = Origins {
        vendor: Some(directory.clone()),
        ..Origins::default()
    };
    assert_eq!(bench.obtain(&lock, &origins).unwrap(), 2);

    std::fs::remove_dir_all(bench.scratch.join("cache")).unwrap();
    let file = directory.join("debian/pool/main/hello/hello_1_amd64.deb");
    std::fs::write(&file, b"other bytes").unwrap();
    let error = bench.obtain(&lock, &origins).unwrap_err();
    assert!(
        matches!(&error, ObtainError::Vendored { path, .. } if *path == file),
        "{error}"
    );
}

#[test]
fn no_mirror_known() {
    let bench = Bench::new();
    let template = bench.template();
    let wanted = Wanted {
        template: &template,
        agent: None,
    };
    let sources = Sources {
        flags: Named::default(),
        ..bench.sources()
    };
    let result = lock(
        &wanted,
        None,
        &Update::All,
        &sources,
        &bench.cache(),
        &Silent,
    );
    assert!(
        matches!(
            result,
            Err(LockFailure::Mirror(
                karat::archive::mirror::MirrorError::NoMirror { .. }
            ))
        ),
        "{result:?}"
    );
}

#[test]
fn apt_sources_name_the_mirror() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let apt = bench.scratch.join("apt");
    std::fs::create_dir_all(apt.join("sources.list.d")).unwrap();
    std::fs::write(
        apt.join("sources.list.d/debian.sources"),
        format!(
            "Types: deb\nURIs: {}\nSuites: bookworm\nComponents: main\n",
            uri(&bench.archive())
        ),
    )
    .unwrap();
    let template = bench.template();
    let wanted = Wanted {
        template: &template,
        agent: None,
    };
    let sources = Sources {
        flags: Named::default(),
        apt,
        ..bench.sources()
    };
    let locked = lock(
        &wanted,
        None,
        &Update::All,
        &sources,
        &bench.cache(),
        &Silent,
    )
    .unwrap();
    assert_eq!(versions(&locked.lock), ["hello 1", "libhello 1"]);
}

#[test]
fn update_of_one_package_keeps_the_others() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let old = bench.fresh().unwrap().lock;
    // The archive has both versions now.
    let mut both = archive("1").package(Deb::new("hello", "2").field("Depends", "libhello").file(
        "/usr/bin/hello",
        0o755,
        b"2",
    ));
    both = both.package(Deb::new("libhello", "2"));
    both.date = DATE + 100;
    both.write(&bench.archive(), &bench.key);
    let as_needed = bench.lock(Some(&old), &Update::AsNeeded).unwrap().lock;
    assert_eq!(versions(&as_needed), ["hello 1", "libhello 1"]);
    let one = Update::Packages(vec!["hello".parse().unwrap()]);
    let locked = bench.lock(Some(&old), &one).unwrap();
    assert_eq!(versions(&locked.lock), ["hello 2", "libhello 1"]);
    assert!(matches!(
        locked.diff.packages.as_slice(),
        [Change::Upgraded { .. }]
    ));
    let all = bench.lock(Some(&old), &Update::All).unwrap().lock;
    assert_eq!(versions(&all), ["hello 2", "libhello 2"]);
    let unknown = Update::Packages(vec!["unrelated".parse().unwrap()]);
    assert!(matches!(
        bench.lock(Some(&old), &unknown),
        Err(LockFailure::NotLocked(_))
    ));
}

#[test]
fn versions_that_cannot_stay_give_way() {
    let bench = Bench::new();
    archive("1").write(&bench.archive(), &bench.key);
    let old = bench.fresh().unwrap().lock;
    let mut new = Repository::new("trixie")
        .package(Deb::new("hello", "2").field("Depends", "libhello (>= 2)"))
        .package(Deb::new("libhello", "1"))
        .package(Deb::new("libhello", "2"));
    new.date = DATE + 100;
    new.write(&bench.archive(), &bench.key);
    let locked = bench.lock(Some(&old), &Update::AsNeeded).unwrap();
    assert_eq!(versions(&locked.lock), ["hello 2", "libhello 2"]);
    assert!(locked.not_kept.is_some());
}

#[test]
fn another_agent_makes_the_lock_stale() {
    let mut bench = Bench::new();
    bench.template += "[verify]\nagent = true\n";
    archive("1").write(&bench.archive(), &bench.key);
    let mut lock = bench.fresh().unwrap().lock;
    let template = bench.template();
    let path = bench.scratch.join("t.toml");
    let agent = |bytes: &[u8]| Some(karat::digest::Digest::of(bytes));
    let with = |agent| Wanted {
        template: &template,
        agent,
    };
    let check = |lock: &Lockfile, agent| karat::ops::lock::check(&path, lock, &with(agent));
    assert!(check(&lock, agent(b"one")).is_ok(), "a lock that pins none");
    lock.agent = agent(b"one");
    assert!(check(&lock, agent(b"one")).is_ok());
    assert!(check(&lock, None).is_ok(), "none at hand to compare");
    assert!(matches!(
        check(&lock, agent(b"two")),
        Err(LockFailure::Agent(_))
    ));
}
