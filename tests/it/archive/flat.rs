//! Flat repositories (`deb URI ./`): locked, vendored and used offline as others, and judged by apt.

use karat::archive::{ObtainError, Origins, RepositoryError, vendor};
use karat::deb::openpgp::OpenPgpError;
use karat::deb::release::ReleaseError;
use karat::deb::{IndexError, StanzaRule};
use karat::lock::Lockfile;
use karat::ops::lock::{LockFailure, Sources, Update, Wanted, lock, obtain};
use karat::progress::Silent;

use super::repository::{Bench, archive, versions};
use crate::support::apt::Apt;
use crate::support::deb::Deb;
use crate::support::pgp::Key;
use crate::support::repository::{DATE, Flat, rfc2822, uri};
use crate::support::server::{Manners, Server};

/// Several versions and architectures of `tool` in one index, as flat repositories have them.
fn tools() -> Flat {
    Flat::new()
        .package(Deb::new("tool", "1"))
        .package(
            Deb::new("tool", "2")
                .field("Architecture", "all")
                .field("Depends", "libtool0"),
        )
        .package(Deb::new("tool", "3").field("Architecture", "arm64"))
        .package(Deb::new("libtool0", "1:1.5"))
}

/// A bench whose template asks for `tool` from a flat repository at `uri`.
fn bench_at(uri: &str, suite: &str) -> (Bench, Key) {
    let mut bench = Bench::new();
    let own = Key::new(9);
    std::fs::write(bench.scratch.join("own.gpg"), own.keyring()).unwrap();
    archive("1").write(&bench.archive(), &bench.key);
    bench.template = bench.template.replace("\"hello\"", "\"tool\"");
    bench.template += &format!(
        "[[source.extra]]\nname = \"tools\"\nuri = \"{uri}\"\nsuite = \"{suite}\"\nkey = \"own.gpg\"\n"
    );
    (bench, own)
}

fn bench(suite: &str) -> (Bench, Key) {
    let (mut bench, own) = bench_at("URI", suite);
    let base = uri(&bench.scratch.join("flat"));
    bench.template = bench.template.replace("URI", &base);
    (bench, own)
}

fn refused(bench: &Bench) -> ReleaseError {
    match bench.refused() {
        RepositoryError::Release { source, .. } => *source,
        other => panic!("{other}"),
    }
}

fn locked(lock: &Lockfile) -> Vec<String> {
    let packages = lock.packages.iter();
    packages
        .map(|one| format!("{} {} {}", one.name, one.version, one.path))
        .collect()
}

/// Each layout and each manner of Release: karat locks what apt would install.
#[test]
fn apt_agrees() {
    let dated = format!("Date: {}\n", rfc2822(DATE));
    let named =
        format!("Origin: x\nSuite: y\nCodename: z\nArchitectures: a_b\nComponents: c\n{dated}");
    let by_hash = format!("{dated}Acquire-By-Hash: yes\n");
    for (suite, directory) in [("./", ""), ("/", ""), ("sub/dir/", "sub/dir/")] {
        for fields in ["", &dated, &named, &by_hash] {
            let (bench, own) = bench(suite);
            let mut flat = tools();
            flat.directory = directory.to_owned();
            flat.fields = fields.to_owned();
            if directory.is_empty() {
                flat.prefix = String::new();
            }
            let base = bench.scratch.join("flat");
            flat.write(&base, &own);
            let lock = bench.fresh().unwrap().lock;
            assert_eq!(
                locked(&lock),
                [
                    format!("libtool0 1:1.5 {directory}libtool0_1%3a1.5_amd64.deb"),
                    format!("tool 2 {directory}tool_2_all.deb")
                ],
                "{suite} {fields:?}"
            );
            let name = format!("tools/{suite}");
            assert!(
                lock.packages
                    .iter()
                    .all(|one| one.source.to_string() == name)
            );
            let release = lock.release(&name.parse().unwrap()).unwrap();
            assert_eq!(release.date.seconds(), DATE);
            assert_eq!(Lockfile::parse(&lock.encode()), Ok(lock.clone()));

            let key = bench.scratch.join("own.gpg");
            let source = format!("deb [signed-by={}] {} {suite}\n", key.display(), uri(&base));
            let Some(apt) = Apt::new(&bench.scratch.join("apt"), &source) else {
                continue;
            };
            let (content, said) = apt.update();
            assert!(content, "{said}");
            assert_eq!(
                apt.install("tool"),
                Ok(versions(&lock)),
                "{suite} {fields:?}: {said}"
            );
        }
    }
}

/// What apt refuses or passes over, karat refuses.
#[test]
fn apt_refuses_too() {
    type Expected = fn(&ReleaseError) -> bool;
    let cases: [(String, &[&str], bool, Expected); 4] = [
        (
            format!("Date: {}\n", rfc2822(DATE + 3_000_000_000)),
            &["", ".xz"],
            false,
            |error| matches!(error, ReleaseError::FromTheFuture(_)),
        ),
        (
            format!("Date: {0}\nValid-Until: {0}\n", rfc2822(DATE)),
            &["", ".xz"],
            false,
            |error| matches!(error, ReleaseError::Expired { .. }),
        ),
        (
            "Valid-Until: never\n".to_owned(),
            &["", ".xz"],
            false,
            |error| matches!(error, ReleaseError::Date("Valid-Until", _)),
        ),
        // apt warns, and goes on without the repository.
        (String::new(), &[".gz", ".xz"], true, |error| {
            *error == ReleaseError::NoFlatIndex
        }),
    ];
    for (fields, forms, content, expected) in cases {
        let (bench, own) = bench("./");
        let mut flat = tools();
        fields.clone_into(&mut flat.fields);
        flat.forms = forms.to_vec();
        let base = bench.scratch.join("flat");
        flat.write(&base, &own);
        let error = refused(&bench);
        assert!(expected(&error), "{fields:?}: {error}");
        let key = bench.scratch.join("own.gpg");
        let source = format!("deb [signed-by={}] {} ./\n", key.display(), uri(&base));
        if let Some(apt) = Apt::new(&bench.scratch.join("apt"), &source) {
            let (done, said) = apt.update();
            assert_eq!(done, content, "{fields:?}: {said}");
            assert!(apt.install("tool").is_err(), "{fields:?}: {said}");
        }
    }
}

#[test]
fn unsigned_or_signed_by_others() {
    let (bench, own) = bench("./");
    let base = bench.scratch.join("flat");
    tools().write(&base, &bench.key);
    assert!(
        matches!(bench.untrusted(), OpenPgpError::UnknownKeys { .. }),
        "the archive's key does not count for it"
    );
    tools().write(&base, &own);
    let file = base.join("InRelease");
    let signed = std::fs::read_to_string(&file).unwrap();
    let (_, text) = signed.split_once("\n\n").unwrap();
    let (text, _) = text.split_once("-----BEGIN").unwrap();
    std::fs::write(&file, text).unwrap();
    assert_eq!(bench.untrusted(), OpenPgpError::Unsigned);
    std::fs::rename(&file, base.join("Release")).unwrap();
    let error = bench.refused();
    assert!(
        matches!(&error, RepositoryError::NoRelease { name, .. } if name.suite() == "./"),
        "{error}"
    );
}

/// A Release without a date is as old as its signature.
#[test]
fn rolled_back_without_a_date() {
    let (bench, own) = bench("./");
    let base = bench.scratch.join("flat");
    let mut flat = tools();
    flat.signed_at = DATE + 100;
    flat.write(&base, &own);
    let new = bench.fresh().unwrap().lock;
    assert_eq!(new.epoch.seconds(), DATE + 100, "the newest date");
    flat.signed_at = DATE + 99;
    flat.write(&base, &own);
    let result = bench.lock(Some(&new), &Update::All);
    let Err(LockFailure::Repository(error)) = result else {
        panic!("{result:?}");
    };
    assert!(
        matches!(&*error, RepositoryError::Release { source, .. }
            if matches!(**source, ReleaseError::RolledBack { .. })),
        "{error}"
    );
}

/// A `Filename` that leads out of the repository, which apt would follow.
#[test]
fn paths_that_lead_out() {
    for prefix in ["../", "/", "./../", "a/../../", "././", "//"] {
        let (bench, own) = bench("./");
        let mut flat = tools();
        prefix.clone_into(&mut flat.prefix);
        flat.write(&bench.scratch.join("flat"), &own);
        let error = bench.refused();
        assert!(
            matches!(&error, RepositoryError::Index { source, .. }
                if matches!(&**source, IndexError { rule: StanzaRule::Filename(_), line: 1, .. })),
            "{prefix}: {error}"
        );
    }
}

#[test]
fn by_hash_where_it_is_offered() {
    let (bench, own) = bench("sub/");
    let mut flat = tools();
    flat.directory = "sub/".to_owned();
    flat.fields = "Acquire-By-Hash: yes\n".to_owned();
    let base = bench.scratch.join("flat");
    flat.write(&base, &own);
    for name in ["Packages", "Packages.gz", "Packages.xz"] {
        std::fs::write(base.join("sub").join(name), "of the next update").unwrap();
    }
    assert_eq!(
        versions(&bench.fresh().unwrap().lock),
        ["libtool0 1:1.5", "tool 2"]
    );
}

#[test]
fn vendored_and_offline() {
    let flat_root = crate::support::Scratch::new("flat");
    let server = Server::start(flat_root.path().to_owned(), Manners::default());
    let (bench, own) = bench_at(&format!("{}/deb/", server.uri()), "./");
    tools().write(&flat_root.join("deb"), &own);
    let lock_it = |offline| {
        let template = bench.template();
        let wanted = Wanted {
            template: &template,
            agent: None,
        };
        let sources = Sources {
            offline,
            ..bench.sources()
        };
        let cache = bench.cache();
        let locked = lock(&wanted, None, &Update::All, &sources, &cache, &Silent)?;
        obtain(&locked.lock, &template, &sources, &cache, &Silent).map(|got| (locked.lock, got))
    };
    let (online, packages) = lock_it(false).unwrap();
    assert_eq!(
        server.requests()[..2],
        ["/deb/InRelease", "/deb/Packages.xz"]
    );
    for file in ["/deb/tool_2_all.deb", "/deb/libtool0_1%253a1.5_amd64.deb"] {
        assert!(server.requests().iter().any(|one| one == file), "{file}");
    }
    let vendored = bench.scratch.join("vendor");
    assert_eq!(vendor(&packages, &vendored).unwrap(), 2);
    assert!(vendored.join("tools/tool_2_all.deb").is_file());

    let before = server.requests().len();
    let (offline, _) = lock_it(true).unwrap();
    assert_eq!(offline.encode(), online.encode());
    assert_eq!(server.requests().len(), before);

    std::fs::remove_dir_all(bench.scratch.join("cache")).unwrap();
    let origins = Origins {
        vendor: Some(vendored),
        ..Origins::default()
    };
    assert_eq!(bench.obtain(&online, &origins).unwrap(), 2);
    std::fs::remove_dir_all(bench.scratch.join("cache")).unwrap();
    assert!(matches!(
        bench.obtain(&online, &Origins::default()),
        Err(ObtainError::NoMirror { archive, .. }) if archive == "tools"
    ));
}
