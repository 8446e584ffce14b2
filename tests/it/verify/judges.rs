//! `mtree` and `bsdtar` read the manifest as karat means it.

use std::process::Output;

use super::*;

/// A tree with every type, attribute and kind of name that this user can make.
fn odd() -> Sample {
    let mut sample = Sample::new();
    for name in [
        b"/etc/a b".as_slice(),
        b"/etc/new\nline",
        b"/etc/\xff\xfe\x80",
        b"/etc/#hash",
        b"/etc/*star?[x]",
        b"/etc/k=v",
        b"/etc/back\\slash\\040",
        b"/etc/\"quote'",
        b"/etc/tab\there",
        b"/etc/esc\x1b[0m",
        b"/etc/~tilde$dollar%percent&amp;(x){y}",
        b"/etc/-dash,comma:colon",
        "/etc/gr\u{fc}n".as_bytes(),
    ] {
        sample.file(name, 0o644, name, "package:odd");
    }
    sample.link(b"/etc/second name\n", "/etc/a b");
    sample.add(
        b"/etc/odd link",
        0o777,
        karat::tree::Kind::Symlink(b"a b\\c\n#\xff".to_vec()),
        "package:odd",
    );
    sample.add(
        "/etc/socket",
        0o600,
        karat::tree::Kind::Socket,
        "package:odd",
    );
    if is_root() {
        let device = karat::tree::Device {
            major: 7,
            minor: 300,
        };
        sample.add(
            "/etc/loop",
            0o660,
            karat::tree::Kind::BlockDevice(device),
            "package:odd",
        );
        sample.add(
            "/etc/tty",
            0o620,
            karat::tree::Kind::CharDevice(device),
            "package:odd",
        );
        sample.xattr("/usr/bin/ping", "security.capability", &root::CAP_NET_RAW);
        // `user::rw-, user:1000:r--, group::r--, mask::r--, other::r--`
        let acl = [
            2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255,
            255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
        ];
        sample.xattr("/etc/passwd", "system.posix_acl_access", &acl);
    }
    sample
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn karat_agrees_with_itself_on_odd_trees() {
    let lab = Lab::of("odd", &odd());
    assert_eq!(lab.drifts(), [""; 0]);
}

#[test]
fn mtree_finds_nothing_in_a_clean_tree_and_each_change_in_others() {
    let Some(mtree) = judge("mtree") else { return };
    let lab = Lab::of("mtree", &odd());
    let file = lab.scratch.join("manifest");
    fs::write(&file, lab.manifest.to_bytes()).unwrap();
    let run = || {
        let output = mtree
            .command()
            .args(["-f".as_ref(), file.as_os_str(), "-p".as_ref()])
            .arg(lab.root())
            .output()
            .unwrap();
        text(&output)
    };
    // The two files that no manifest lists are the only ones that it has not heard of.
    let mut lines: Vec<String> = run().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "extra: usr/lib/karat/baseline/expect.json",
            "extra: usr/lib/karat/baseline/manifest.mtree"
        ]
    );
    fs::write(lab.at("/etc/k=v"), b"/etc/k=w").unwrap();
    assert!(run().contains("sha256 ("), "{}", run());
    fs::write(lab.at("/etc/k=v"), b"/etc/k=v").unwrap();
    chmod(&lab.at(b"/etc/\xff\xfe\x80"), 0o600);
    assert!(run().contains("permissions (0644, 0600)"), "{}", run());
    chmod(&lab.at(b"/etc/\xff\xfe\x80"), 0o644);
    fs::remove_file(lab.at(b"/etc/odd link")).unwrap();
    symlink("elsewhere", lab.at(b"/etc/odd link")).unwrap();
    assert!(run().contains("link ref"), "{}", run());
    fs::remove_file(lab.at(b"/etc/second name\n")).unwrap();
    assert!(run().contains("link count (2, 1)"), "{}", run());
}

#[test]
fn bsdtar_lists_what_the_manifest_says() {
    let Some(bsdtar) = judge("bsdtar") else {
        return;
    };
    let mut sample = odd();
    // It would open them to read them.
    for path in ["/etc/socket", "/var/lib/app/pipe"] {
        sample.tree.remove(&root::image(path)).unwrap();
    }
    let lab = Lab::of("bsdtar", &sample);
    let file = lab.scratch.join("manifest");
    fs::write(&file, lab.manifest.to_bytes()).unwrap();
    // The archive that bsdtar makes of the manifest and the files holds the signed tree: read back by
    // karat, nothing differs but what ustar cannot say (attributes, sockets).
    let output = bsdtar
        .command()
        .args(["--format=gnutar", "-cf", "-"])
        .arg(format!("@{}", file.display()))
        .current_dir(lab.root())
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (tree, _) = karat::image::tar::read(
        output.stdout.as_slice(),
        sample.tree.epoch(),
        &"package:bsdtar".parse().unwrap(),
        &mut karat::image::tar::keep_nothing,
    )
    .unwrap();
    let report = appraise(&lab.manifest, &lab.expectations, &Evidence::of_tree(&tree));
    let differs: Vec<String> = report
        .drifts
        .iter()
        .filter(|drift| drift.change.name() != "xattr")
        .map(line)
        .collect();
    // The two files that no manifest lists.
    assert_eq!(
        differs,
        [
            "/usr/lib/karat/baseline/expect.json removed",
            "/usr/lib/karat/baseline/manifest.mtree removed"
        ]
    );
}
