//! Images that mean harm, and places that cannot be looked at.

use std::fs;
use std::os::unix::fs::symlink;

use karat::image::tar::TarError;
use karat::ops::diff::{DiffError, OriginsFrom, VersionsFrom};
use karat::tree::Kind;

use super::{changes, diff, run};
use crate::support::root::{Sample, chmod, is_root, on};
use crate::support::signed::Release;
use crate::support::{not_for, schema};

#[test]
fn an_archive_that_is_cut_off_or_ambiguous() {
    let release = Release::new("diff-cut");
    let bytes = fs::read(release.out("demo_1.tar.zst")).unwrap();
    let cut = release.out("cut.tar.zst");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let error = diff(release.out("demo_1.mtree"), &cut).unwrap_err();
    assert!(matches!(error, DiffError::Tar { .. }), "{error}");
    assert!(error.to_string().contains("cut.tar.zst"), "{error}");
    assert_eq!(run(&cut, release.out("demo_1.mtree"), &[]).0, 1);

    let twice = release.out("twice.tar");
    let mut builder = tar::Builder::new(Vec::new());
    for byte in [b'a', b'b'] {
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o644);
        header.set_cksum();
        builder
            .append_data(&mut header, "etc/x", [byte].as_slice())
            .unwrap();
    }
    fs::write(&twice, builder.into_inner().unwrap()).unwrap();
    let error = diff(&twice, &twice).unwrap_err();
    let DiffError::Tar { source, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(source, TarError::Duplicate(_)), "{error}");
}

#[test]
fn a_layout_whose_blob_is_another() {
    let release = Release::new("diff-blob");
    let blobs = release.out("demo_1.oci").join("blobs/sha256");
    for entry in fs::read_dir(blobs).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes.push(b' ');
        fs::write(&path, bytes).unwrap();
    }
    let error = diff(release.out("demo_1.mtree"), release.out("demo_1.oci")).unwrap_err();
    assert!(matches!(error, DiffError::Oci { .. }), "{error}");
    // A directory called so that is no layout.
    fs::create_dir(release.out("empty.oci")).unwrap();
    assert_eq!(
        run(release.out("empty.oci"), release.out("demo_1.mtree"), &[]).0,
        1
    );
}

/// An image whose own descriptions of itself are nonsense, or worse.
#[test]
fn descriptions_of_itself_are_not_believed() {
    let mut sample = Sample::new();
    let nobody = "template:files";
    for directory in ["/var/lib/dpkg", "/var/lib/dpkg/info"] {
        sample.add(directory, 0o755, Kind::Directory, nobody);
    }
    let status = "Package: \x1b[31m\nVersion: 1\nStatus: install ok installed\n\n\
                  Package: good\nVersion: \x1b]0;\nStatus: install ok installed\n\n\
                  no field\n\nPackage: fine\nVersion: 1\nStatus: install ok installed\n\n\
                  Package: fine\nPackage: twice\nVersion: 2\nStatus: install ok installed\n";
    sample.file("/var/lib/dpkg/status", 0o644, status.as_bytes(), nobody);
    let list = "/../etc/passwd\netc/motd\n\n/etc/../etc/motd\n/etc/passwd\n/none\n";
    sample.file(
        "/var/lib/dpkg/info/evil.list",
        0o644,
        list.as_bytes(),
        nobody,
    );
    let escape = "/var/lib/dpkg/info/\x1b[31m.list";
    sample.file(escape, 0o644, b"/etc/motd\n", nobody);
    let release = Release::of("diff-lies", sample, Default::default());
    let root = release.unpack();
    let own = on(&root, "/usr/lib/karat/baseline/manifest.mtree");
    fs::write(&own, "#mtree\n\x1b[31m").unwrap();
    let expectations = on(&root, "/usr/lib/karat/baseline/expect.json");
    fs::write(&expectations, "{").unwrap();

    fs::write(on(&root, "/etc/passwd"), "changed\n").unwrap();
    let motd = on(&root, "/etc/motd");
    fs::write(&motd, "changed\n").unwrap();
    let difference = diff(&root, &root).unwrap();
    assert!(difference.is_empty());
    assert_eq!(difference.to.origins_from, Some(OriginsFrom::Dpkg));
    assert_eq!(difference.to.versions_from, Some(VersionsFrom::Dpkg));
    let notes = difference.to.notes.join("\n");
    for part in ["Its own expectations", "Its own manifest"] {
        assert!(notes.contains(part), "{notes}");
    }
    assert!(!notes.contains('\x1b'), "{notes}");

    fs::remove_file(release.out("demo_1.expect.json")).unwrap();
    let difference = diff(&root, release.out("demo_1.mtree")).unwrap();
    assert_eq!(
        changes(&difference),
        [
            "/etc/motd content template:files",
            "/etc/passwd content script:base-passwd"
        ]
    );
    let (_, json) = run(&root, release.out("demo_1.mtree"), &["--json"]);
    schema::published("diff").holds(&json);
}

#[test]
fn links_lead_nowhere() {
    let release = Release::new("diff-links");
    let root = release.unpack();
    let outside = release.scratch.join("outside");
    fs::create_dir_all(outside.join("info")).unwrap();
    fs::write(outside.join("status"), "Package: x1\n").unwrap();
    fs::remove_dir_all(on(&root, "/var/lib/app")).unwrap();
    symlink(&outside, on(&root, "/var/lib/dpkg")).unwrap();
    fs::remove_file(on(&root, "/usr/lib/karat/baseline/manifest.mtree")).unwrap();
    symlink(
        release.out("demo_1.mtree"),
        on(&root, "/usr/lib/karat/baseline/manifest.mtree"),
    )
    .unwrap();
    let difference = diff(&root, &root).unwrap();
    assert_eq!(difference.to.origins_from, None);
    assert_eq!(difference.to.versions_from, None);
    let added = "/var/lib/dpkg added ?";
    let difference = diff(release.out("demo_1.mtree"), &root).unwrap();
    assert!(changes(&difference).contains(&added.to_owned()));
}

#[test]
fn what_cannot_be_read_is_not_called_equal() {
    if is_root() {
        return not_for("root, who may read everything");
    }
    let release = Release::new("diff-unread");
    let root = release.unpack();
    chmod(&on(&root, "/etc/passwd"), 0o000);
    chmod(&on(&root, "/var/lib/app"), 0o000);
    for (from, to, side) in [
        (release.out("demo_1.mtree"), root.clone(), "to"),
        (root.clone(), release.out("demo_1.tar.zst"), "from"),
    ] {
        let difference = diff(&from, &to).unwrap();
        let unseen: Vec<_> = difference
            .not_compared
            .iter()
            .map(|place| (place.side, place.path.as_str(), place.reason))
            .collect();
        assert_eq!(
            unseen,
            [
                (side, "/etc/passwd", "content"),
                (side, "/var/lib/app", "directory")
            ]
        );
        // The directory itself was seen.
        assert_eq!(changes(&difference), ["/var/lib/app mode package:app"]);
        let (code, json) = run(&from, &to, &["--json"]);
        assert_eq!(code, 0);
        schema::published("diff").holds(&json);
    }
    chmod(&on(&root, "/var/lib/app"), 0o755);
    let (code, text) = run(release.out("demo_1.mtree"), &root, &["--exit-code"]);
    assert_eq!(code, 13, "{text}");
    assert!(
        text.contains("nothing differs among what was compared"),
        "{text}"
    );
    chmod(&on(&root, "/etc/passwd"), 0o644);
}
