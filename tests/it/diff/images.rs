//! Images: tar archives, OCI layouts, directories; each against each other and against baselines.

use std::fs;

use karat::expect::{Class, Expectations, Mutable};
use karat::image::compress::Compression;
use karat::ops::diff::{Event, Lines, OriginsFrom, PathChange, SideKind, VersionsFrom};
use karat::path::Glob;

use super::{changes, diff, run};
use crate::support::root::{Sample, image};
use crate::support::schema;
use crate::support::signed::Release;

fn logs_may_vary() -> Expectations {
    let log = Mutable {
        class: Class::State,
        mode: None,
        origin: "template:verify".parse().unwrap(),
        path: Glob::parse("/var/log/**").unwrap(),
    };
    Expectations::new(vec![log]).unwrap()
}

/// An image that karat did not build: no manifest inside, but dpkg's database.
fn foreign(sample: &mut Sample, ping: &str) {
    sample.tree.remove(&image("/usr/lib/karat")).unwrap();
    let status = format!(
        "Package: iputils-ping\nStatus: install ok installed\nVersion: {ping}\n\n\
         Package: libfoo\nStatus: install ok installed\nVersion: 1:1.0-1\n\n\
         Package: gone\nStatus: deinstall ok config-files\nVersion: 9\n"
    );
    let nobody = "template:nobody";
    for directory in ["/var/lib/dpkg", "/var/lib/dpkg/info"] {
        sample.add(directory, 0o755, karat::tree::Kind::Directory, nobody);
    }
    let bin = karat::tree::Kind::Symlink(b"usr/bin".to_vec());
    sample.add("/bin", 0o777, bin, nobody);
    for (path, text) in [
        ("status", status.as_str()),
        (
            "info/base-files.list",
            "/.\n/etc\n/usr\n/usr/bin\n/etc/motd\n",
        ),
        ("info/app.list", "/.\n/usr\n/var/log/app.log\n"),
        ("info/iputils-ping.list", "/.\n/usr\n/usr/bin\n/bin/ping\n"),
        ("info/libfoo:amd64.list", "/usr/bin/su\n"),
    ] {
        let path = format!("/var/lib/dpkg/{path}");
        sample.file(path, 0o644, text.as_bytes(), nobody);
    }
}

fn release(name: &str, change: impl FnOnce(&mut Sample)) -> Release {
    let mut sample = Sample::new();
    change(&mut sample);
    Release::of(name, sample, Expectations::default())
}

fn lines(paths: &[PathChange], path: &str) -> Option<Lines> {
    let of = |change: &&PathChange| change.path == path && change.change == "content";
    paths.iter().find(of).unwrap().lines.clone()
}

#[test]
fn one_image_in_all_its_forms_does_not_differ() {
    let release = Release::of("diff-forms", Sample::new(), logs_may_vary());
    release.write_tar("plain.tar", Compression::None);
    release.write_tar("small.tar.gz", Compression::Gzip);
    let forms = [
        release.out("demo_1.dsse.json"),
        release.out("demo_1.mtree"),
        release.out("demo_1.tar.zst"),
        release.out("plain.tar"),
        release.out("small.tar.gz"),
        release.out("demo_1.oci"),
        release.unpack(),
    ];
    for from in &forms {
        for to in &forms {
            let difference = diff(from, to).unwrap();
            let place = format!("{} {}", from.display(), to.display());
            assert!(difference.is_empty(), "{place}: {:?}", difference.paths);
            assert_eq!(difference.not_compared, [], "{place}");
            assert_eq!(difference.to.notes, [""; 0], "{place}");
            assert_eq!(difference.to.origins_from, Some(OriginsFrom::Manifest));
            assert_eq!(difference.from.bytes, difference.to.bytes, "{place}");
            assert_eq!(difference.from.paths, difference.to.paths, "{place}");
        }
    }
    let kinds = [1, 3, 5, 6].map(|at| diff(&forms[at], &forms[0]).unwrap().from.kind);
    let expected = [
        SideKind::Baseline,
        SideKind::Tar,
        SideKind::Oci,
        SideKind::Directory,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_tampered_image_against_its_baseline() {
    let mut release = Release::new("diff-tampered");
    release.tampered(|sample| {
        sample.file("/usr/bin/ping", 0o755, b"#!evil", "package:iputils-ping");
        sample.file("/usr/bin/nc", 0o755, b"#!nc", "package:netcat");
    });
    for name in ["demo_1.tar.zst", "demo_1.oci"] {
        let difference = diff(release.out("demo_1.dsse.json"), release.out(name)).unwrap();
        // What is new in it, no manifest knows.
        assert_eq!(
            changes(&difference),
            [
                "/usr/bin/nc added ?",
                "/usr/bin/ping content package:iputils-ping"
            ]
        );
        assert_eq!(lines(&difference.paths, "/usr/bin/ping"), None);
        let [note] = difference.to.notes.as_slice() else {
            panic!("{:?}", difference.to.notes);
        };
        assert!(note.contains("it was changed after it was built"), "{note}");
    }
}

#[test]
fn owners_and_versions_out_of_dpkgs_database() {
    let old = release("diff-dpkg-old", |sample| foreign(sample, "3:20240117-1"));
    let new = release("diff-dpkg-new", |sample| {
        foreign(sample, "3:20250605-1");
        sample.file("/usr/bin/ping", 0o755, b"#!ping 2", "template:nobody");
        sample.file("/usr/bin/su", 0o755, b"#!su", "template:nobody");
        sample.file("/etc/motd", 0o644, b"welcome\nback\n", "template:nobody");
        sample.file("/usr/bin/nc", 0o755, b"#!nc", "template:nobody");
    });
    let difference = diff(old.out("demo_1.tar.zst"), new.out("demo_1.oci")).unwrap();
    assert_eq!(
        changes(&difference),
        [
            "/etc/motd content package:base-files",
            "/usr/bin/nc added ?",
            // The list says /bin/ping, which a merged /usr has elsewhere.
            "/usr/bin/ping content package:iputils-ping",
            "/usr/bin/su mode package:libfoo",
            "/var/lib/dpkg/status content ?",
        ]
    );
    assert_eq!(difference.from.origins_from, Some(OriginsFrom::Dpkg));
    assert_eq!(difference.from.versions_from, Some(VersionsFrom::Dpkg));
    let packages: Vec<_> = difference
        .packages
        .iter()
        .map(|package| {
            let (from, to) = (package.from.as_deref(), package.to.as_deref());
            (
                package.name.as_str(),
                package.change,
                from,
                to,
                package.bytes,
            )
        })
        .collect();
    let changed = Event::Changed;
    let (foo, ping) = (Some("1:1.0-1"), Some("3:20240117-1"));
    assert_eq!(
        packages,
        [
            ("base-files", changed, None, None, 5),
            ("iputils-ping", changed, ping, Some("3:20250605-1"), 2),
            ("libfoo", changed, foo, foo, 0),
        ]
    );
}

#[test]
fn an_image_that_says_nothing_about_itself() {
    let silent = |sample: &mut Sample| {
        sample.tree.remove(&image("/usr/lib/karat")).unwrap();
    };
    let old = release("diff-silent-old", silent);
    let new = release("diff-silent-new", |sample| {
        silent(sample);
        sample.file("/etc/motd", 0o644, b"hi\n", "template:files");
    });
    let difference = diff(old.out("demo_1.tar.zst"), new.out("demo_1.tar.zst")).unwrap();
    assert_eq!(changes(&difference), ["/etc/motd content ?"]);
    assert_eq!(difference.packages, []);
    assert_eq!(difference.from.origins_from, None);
    // Its baseline knows; that is said where one side knows.
    let difference = diff(old.out("demo_1.mtree"), new.out("demo_1.tar.zst")).unwrap();
    assert_eq!(changes(&difference), ["/etc/motd content template:files"]);
    assert_eq!(
        difference.packages,
        [],
        "the image does not say which it has"
    );
}

#[test]
fn lines_of_text_files() {
    let old = release("diff-lines-old", |sample| {
        sample.file("/etc/binary", 0o644, b"a\0b", "template:files");
        sample.file("/etc/large", 0o644, &[b'a'; 300_000], "template:files");
        sample.file("/etc/odd", 0o644, b"plain\n", "template:files");
    });
    let new = release("diff-lines-new", |sample| {
        sample.file("/etc/motd", 0o644, b"welcome\nback\n", "template:files");
        sample.file("/etc/binary", 0o644, b"a\0c", "template:files");
        sample.file("/etc/large", 0o644, &[b'b'; 300_000], "template:files");
        sample.file("/etc/odd", 0o644, b"\x1b[31m\xff\n", "template:files");
    });
    let forms = [
        (old.out("demo_1.tar.zst"), new.out("demo_1.tar.zst")),
        (old.out("demo_1.oci"), new.out("demo_1.tar.zst")),
        (old.unpack(), new.unpack()),
    ];
    for (from, to) in &forms {
        let paths = diff(from, to).unwrap().paths;
        let unified = |path: &str| match lines(&paths, path) {
            Some(Lines::Unified(lines)) => lines.unified,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(unified("/etc/motd"), ["@@ -1 +1,2 @@", " welcome", "+back"]);
        assert_eq!(
            unified("/etc/odd"),
            ["@@ -1 +1 @@", "-plain", "+\\x1b[31m\\xff"]
        );
        assert_eq!(lines(&paths, "/etc/binary"), Some(Lines::Binary));
        assert_eq!(lines(&paths, "/etc/large"), Some(Lines::TooLarge));
    }
    let (from, to) = &forms[0];
    let (code, text) = run(from, to, &[]);
    assert_eq!(code, 0);
    for part in ["    @@ -1 +1,2 @@\n     welcome\n    +back\n", "\\x1b[31m"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn exit_codes_and_the_published_schema() {
    let old = release("diff-schema-old", |sample| foreign(sample, "1"));
    let new = release("diff-schema-new", |sample| {
        foreign(sample, "2");
        sample.file("/etc/motd", 0o644, b"hello\n", "template:files");
        sample.file("/etc/binary", 0o644, b"a\0c", "template:files");
    });
    let (old_tar, new_oci) = (old.out("demo_1.tar.zst"), new.out("demo_1.oci"));
    assert_eq!(run(&old_tar, old.out("demo_1.oci"), &["--exit-code"]).0, 0);
    assert_eq!(run(&old_tar, &new_oci, &["--exit-code"]).0, 10);
    assert_eq!(run(&old_tar, &new_oci, &[]).0, 0);
    let schema = schema::published("diff");
    let envelope = old.out("demo_1.dsse.json");
    for (from, to) in [
        (&old_tar, &new_oci),
        (&old_tar, &old_tar),
        (&envelope, &new_oci),
        (&new_oci, &old.unpack()),
    ] {
        let (code, json) = run(from, to, &["--json"]);
        assert_eq!(code, 0, "{json}");
        schema.holds(&json);
    }
}

#[test]
fn a_directory_is_an_oci_layout_where_it_says_so() {
    let release = Release::new("diff-layout");
    let elsewhere = release.scratch.join("layout");
    fs::rename(release.out("demo_1.oci"), &elsewhere).unwrap();
    let difference = diff(&elsewhere, release.out("demo_1.mtree")).unwrap();
    assert_eq!(difference.from.kind, SideKind::Oci);
    assert!(difference.is_empty());
}
