//! Lock files.

use karat::deb::release::is_below;
use karat::digest::Digest;
use karat::lock::{
    Basis, Change, Diff, Difference, LockError, LockedPackage, LockedRelease, Lockfile,
};
use karat::tree::{Content, Epoch};

fn package(name: &str, version: &str) -> LockedPackage {
    let bytes = format!("{name} {version}");
    LockedPackage {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        content: Content::of(bytes.as_bytes()),
        path: format!("pool/main/{name}_{version}_amd64.deb"),
        source: "debian/trixie".parse().unwrap(),
        boot: false,
    }
}

fn release(name: &str) -> LockedRelease {
    LockedRelease {
        name: name.parse().unwrap(),
        date: Epoch::new(1_760_000_000).unwrap(),
        valid_until: None,
        digest: Digest::of(name.as_bytes()),
        signed_by: vec!["0123456789ABCDEF0123456789ABCDEF01234567".parse().unwrap()],
    }
}

fn lock() -> Lockfile {
    let mut lock = Lockfile {
        epoch: Epoch::new(1_760_000_000).unwrap(),
        architecture: "amd64".parse().unwrap(),
        distribution: "debian".to_owned(),
        suite: "trixie".to_owned(),
        agent: Some(Digest::of(b"agent")),
        template: Digest::of(b"template"),
        basis: Basis {
            packages: vec!["nginx-light".to_owned(), "openssh-server".to_owned()],
            components: vec!["main".to_owned()],
            pockets: vec!["security".to_owned(), "updates".to_owned()],
            initrd: "karat".to_owned(),
            snapshot: Some("20250520T000000Z".to_owned()),
            ..Basis::default()
        },
        releases: vec![
            LockedRelease {
                valid_until: Some(Epoch::new(1_760_600_000).unwrap()),
                ..release("debian-security/trixie-security")
            },
            release("debian/trixie-updates"),
            release("debian/trixie"),
        ],
        packages: vec![
            package("zsh", "5.9-1"),
            package("bash", "5.2.37-2+b5"),
            package("g++", "4:14.2.0-1"),
            package("ga", "1~rc1"),
        ],
    };
    lock.sort();
    lock
}

#[test]
fn round_trip() {
    let lock = lock();
    let text = lock.encode();
    let read = Lockfile::parse(&text).unwrap();
    assert_eq!(read, lock);
    assert_eq!(read.encode(), text);
}

#[test]
fn the_document_shows_this_format() {
    let document = include_str!("../../docs/formats/lock.md");
    let start = document.find("```toml\n").expect("an example") + 8;
    let end = start + document[start..].find("```").unwrap();
    let example = &document[start..end];
    let lock = Lockfile::parse(example).unwrap();
    assert_eq!(lock.encode(), example, "the example is canonical");
}

#[test]
fn an_image_that_does_not_boot_lacks_what_only_others_have() {
    let mut lock = lock();
    lock.basis.flavour = Some("cloud".to_owned());
    lock.packages.last_mut().unwrap().boot = true;
    let text = lock.encode();
    assert_eq!(text.matches("\nboot = true\n").count(), 1);
    assert_eq!(Lockfile::parse(&text).unwrap(), lock);
    assert_eq!(lock.clone().for_image(true), lock);
    let without = lock.clone().for_image(false);
    assert_eq!(without.packages, lock.packages[..lock.packages.len() - 1]);
    assert_ne!(without.digest(), lock.digest());
}

#[test]
fn line_ends_do_not_matter() {
    let lock = lock();
    let read = Lockfile::parse(&lock.encode().replace('\n', "\r\n")).unwrap();
    assert_eq!(read.digest(), lock.digest());
}

#[test]
fn names_no_host() {
    assert!(!lock().encode().contains("://"));
}

#[test]
fn hostile_locks() {
    let text = lock().encode();
    assert!(matches!(
        Lockfile::parse("epoch = 1"),
        Err(LockError::Malformed(_))
    ));
    assert_eq!(
        Lockfile::parse(&text.replacen("version = 1", "version = 2", 1)),
        Err(LockError::Version(2))
    );
    assert!(matches!(
        Lockfile::parse(&text.replacen("suite =", "sweet = 1\nsuite =", 1)),
        Err(LockError::Malformed(_))
    ));
    let path = "pool/main/zsh_5.9-1_amd64.deb";
    for bad in [
        "/etc/passwd",
        "pool/../../x",
        "http://host/x?y",
        "a b",
        "",
        "a//b",
    ] {
        assert!(!is_below(bad));
        assert_eq!(
            Lockfile::parse(&text.replace(path, bad)),
            Err(LockError::Path {
                package: "zsh".parse().unwrap(),
                path: bad.to_owned()
            })
        );
    }
    for (from, to) in [
        ("size = 1", "size = -1"),
        ("name = \"zsh\"", "name = \"Z\""),
        ("version = \"5.9-1\"", "version = \"\""),
        ("\"debian/trixie\"", "\"trixie\""),
        ("\"debian/trixie\"", "\"../trixie\""),
        ("date = 1760000000", "date = 999999999999999"),
        ("epoch = 1760000000", "epoch = 999999999999999"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Lockfile::parse(&text.replace(from, to)).is_err(), "{to}");
    }
    let cut = text.len() / 2;
    assert!(Lockfile::parse(&text[..cut]).is_err());
}

#[test]
fn entries_twice_or_out_of_order() {
    let mut twice = lock();
    twice.packages.push(package("zsh", "6"));
    let result = Lockfile::parse(&twice.encode());
    assert!(
        matches!(
            result,
            Err(LockError::Order {
                list: "packages",
                ..
            })
        ),
        "{result:?}"
    );
    let mut unsorted = lock();
    unsorted.releases.reverse();
    let result = Lockfile::parse(&unsorted.encode());
    assert!(
        matches!(
            result,
            Err(LockError::Order {
                list: "releases",
                ..
            })
        ),
        "{result:?}"
    );
}

#[test]
fn package_that_no_release_vouches_for() {
    let mut lock = lock();
    lock.packages[0].source = "evil/trixie".parse().unwrap();
    assert_eq!(
        Lockfile::parse(&lock.encode()),
        Err(LockError::UnknownSource {
            package: "bash".parse().unwrap(),
            name: "evil/trixie".parse().unwrap()
        })
    );
}

#[test]
fn package_of_another_architecture() {
    let mut lock = lock();
    lock.packages[0].architecture = "arm64".parse().unwrap();
    assert!(matches!(
        Lockfile::parse(&lock.encode()),
        Err(LockError::ForeignPackage { .. })
    ));
    lock.packages[0].architecture = "all".parse().unwrap();
    assert!(Lockfile::parse(&lock.encode()).is_ok());
}

#[test]
fn environment_of_another_epoch() {
    let lock = lock();
    assert_eq!(lock.check_epoch(None), Ok(()));
    assert_eq!(lock.check_epoch(Some(lock.epoch)), Ok(()));
    let environment = Epoch::new(1).unwrap();
    assert_eq!(
        lock.check_epoch(Some(environment)),
        Err(LockError::Epoch {
            environment,
            lock: lock.epoch
        })
    );
}

#[test]
fn stale_lock_says_what_changed() {
    let lock = lock();
    let changed = Digest::of(b"changed template");
    assert_eq!(
        lock.check_basis("trixie", &lock.basis, lock.template),
        Ok(())
    );
    let mut basis = lock.basis.clone();
    let stale = lock.check_basis("trixie", &basis, changed).unwrap_err();
    assert_eq!(stale.0, [Difference::Other]);
    basis.packages = vec!["curl".to_owned(), "nginx-light".to_owned()];
    basis.pockets.clear();
    let stale = lock.check_basis("bookworm", &basis, changed).unwrap_err();
    assert_eq!(
        stale.to_string(),
        "the lock file is stale: suite changed from trixie to bookworm; \
         pockets changed from security updates to none; \
         the template now asks for curl; the template no longer asks for openssh-server"
    );
}

#[test]
fn diff_of_two_locks() {
    let old = lock();
    let mut new = lock();
    assert!(Diff::between(Some(&old), &new).is_empty());
    new.packages = vec![
        package("bash", "5.3-1"),
        package("curl", "8"),
        package("g++", "4:13.2.0-1"),
        package("zsh", "5.9-1"),
    ];
    new.packages[3].content = Content::of(b"other bytes");
    new.epoch = Epoch::new(1_770_000_000).unwrap();
    let diff = Diff::between(Some(&old), &new);
    let shown: Vec<_> = diff
        .packages
        .iter()
        .map(|change| match change {
            Change::Added { name, .. } => format!("+{name}"),
            Change::Removed { name, .. } => format!("-{name}"),
            Change::Upgraded { name, from, to } => format!("{name} {from}<{to}"),
            Change::Downgraded { name, from, to } => format!("{name} {from}>{to}"),
            Change::Rebuilt { name, .. } => format!("!{name}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "bash 5.2.37-2+b5<5.3-1",
            "+curl",
            "g++ 4:14.2.0-1>4:13.2.0-1",
            "-ga",
            "!zsh"
        ]
    );
    assert_eq!(diff.epoch, Some((old.epoch, new.epoch)));
    assert_eq!(Diff::between(None, &new).packages.len(), 4);
}
