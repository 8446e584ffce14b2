//! Each test is an attack, named after it.

use super::*;
use crate::support::not_for;

#[test]
fn a_changed_byte_in_a_file() {
    let lab = Lab::new("byte");
    // Same size, and the time put back.
    let file = lab.at("/usr/bin/ping");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, b"#!pong").unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let drift = lab.drift();
    assert_eq!(line(&drift), "/usr/bin/ping content");
    assert_eq!(drift.owner.origin().to_string(), "package:iputils-ping");
    assert_eq!(drift.effects, [Effect::Program]);
    assert_eq!(drift.severity, Severity::High);
}

#[test]
fn a_changed_byte_in_a_setuid_program() {
    let lab = Lab::new("setuid-byte");
    fs::write(lab.at("/usr/bin/su"), b"#!SU").unwrap();
    // Writing takes the bit away; the attacker puts it back.
    chmod(&lab.at("/usr/bin/su"), 0o4755);
    let drift = lab.drift();
    assert_eq!(line(&drift), "/usr/bin/su content");
    assert!(drift.effects.contains(&Effect::SetUid));
    assert_eq!(drift.severity, Severity::Critical);
}

#[test]
fn a_changed_mode() {
    let lab = Lab::new("mode");
    chmod(&lab.at("/etc/passwd"), 0o666);
    let drift = lab.drift();
    assert_eq!(line(&drift), "/etc/passwd mode");
    assert_eq!(drift.change.to_string(), "mode: 0644 -> 0666");
    assert_eq!(drift.effects, [Effect::WorldWritable]);
    assert_eq!(drift.severity, Severity::High);
}

#[test]
fn a_program_made_setuid() {
    let lab = Lab::new("setuid");
    chmod(&lab.at("/usr/bin/ping"), 0o4755);
    let drift = lab.drift();
    assert_eq!(drift.effects, [Effect::SetUid]);
    assert_eq!(drift.severity, Severity::Critical);
}

#[test]
fn a_changed_owner() {
    if !is_root() {
        return skip("only root gives files away");
    }
    let lab = Lab::new("owner");
    lchown(lab.at("/usr/bin/ping"), Some(1000), None).unwrap();
    let drift = lab.drift();
    assert_eq!(drift.change.to_string(), "owner: 0:0 -> 1000:0");
    assert_eq!(drift.effects, [Effect::OtherOwner]);
    lchown(lab.at("/usr/bin/ping"), Some(0), Some(50)).unwrap();
    assert_eq!(lab.drift().change.to_string(), "owner: 0:0 -> 0:50");
}

#[test]
fn a_changed_owner_of_a_symbolic_link() {
    if !is_root() {
        return skip("only root gives files away");
    }
    let lab = Lab::new("link-owner");
    lchown(lab.at("/usr/bin/vi"), Some(1000), None).unwrap();
    assert_eq!(line(&lab.drift()), "/usr/bin/vi owner");
}

#[test]
fn a_capability_added() {
    if !is_root() {
        return skip("only root sets capabilities");
    }
    let lab = Lab::new("setcap");
    let file = lab.at("/usr/bin/perl");
    let name = "security.capability";
    rustix::fs::setxattr(&file, name, &root::CAP_NET_RAW, XattrFlags::empty()).unwrap();
    // Both names of the inode show it.
    let drifts = lab.report().drifts;
    assert_eq!(drifts.len(), 2);
    assert_eq!(
        drifts[0].change.to_string(),
        "xattr security.capability: cap_net_raw=ep"
    );
    assert_eq!(drifts[0].effects, [Effect::Capability]);
    assert_eq!(drifts[0].severity, Severity::Critical);
}

#[test]
fn a_capability_removed_or_changed() {
    if !is_root() {
        return skip("only root sets capabilities");
    }
    let mut sample = Sample::new();
    sample.xattr("/usr/bin/ping", "security.capability", &root::CAP_NET_RAW);
    let lab = Lab::of("unsetcap", &sample);
    assert_eq!(lab.drifts(), [""; 0]);
    let file = lab.at("/usr/bin/ping");
    let mut more = root::CAP_NET_RAW;
    more[6] = 0x20;
    let name = "security.capability";
    rustix::fs::setxattr(&file, name, &more, XattrFlags::empty()).unwrap();
    assert_eq!(
        lab.drift().change.to_string(),
        "xattr security.capability: cap_net_raw=ep -> cap_net_raw,cap_sys_admin=ep"
    );
    rustix::fs::removexattr(&file, name).unwrap();
    assert_eq!(
        lab.drift().change.to_string(),
        "xattr security.capability: cap_net_raw=ep -> none"
    );
}

#[test]
fn an_attribute_added_to_a_directory() {
    let lab = Lab::new("xattr");
    let directory = lab.at("/etc");
    let answer = rustix::fs::setxattr(&directory, "user.note", b"x", XattrFlags::empty());
    if answer == Err(rustix::io::Errno::NOTSUP) {
        return skip("this file system has no user attributes");
    }
    answer.unwrap();
    assert_eq!(lab.drift().change.to_string(), "xattr user.note: eA==");
}

#[test]
fn a_hard_link_to_outside() {
    let lab = Lab::new("outside");
    fs::hard_link(lab.at("/etc/passwd"), lab.scratch.join("handle")).unwrap();
    let drift = lab.drift();
    assert_eq!(line(&drift), "/etc/passwd links");
    assert_eq!(drift.effects, [Effect::OutsideName]);
    assert_eq!(
        drift.change.to_string(),
        "links: 1 name -> 2 names, 1 outside of what was checked"
    );
}

#[test]
fn a_file_replaced_by_a_hard_link_to_an_equal_one() {
    let lab = Lab::new("equal");
    // Bytes, mode and owner are as signed: only the inode is shared with a file that changes.
    let copy = lab.scratch.join("copy");
    fs::copy(lab.at("/etc/passwd"), &copy).unwrap();
    fs::remove_file(lab.at("/etc/passwd")).unwrap();
    fs::hard_link(&copy, lab.at("/etc/passwd")).unwrap();
    assert_eq!(line(&lab.drift()), "/etc/passwd links");
}

#[test]
fn a_hard_link_group_split() {
    let lab = Lab::new("split");
    let (one, two) = (lab.at("/usr/bin/perl"), lab.at("/usr/bin/perl5"));
    fs::remove_file(&two).unwrap();
    fs::copy(&one, &two).unwrap();
    assert_eq!(
        lab.drifts(),
        ["/usr/bin/perl links", "/usr/bin/perl5 links"]
    );
}

#[test]
fn two_files_joined_by_a_hard_link() {
    let mut sample = Sample::new();
    sample.file("/etc/a", 0o644, b"same", "package:a");
    sample.file("/etc/b", 0o644, b"same", "package:a");
    let lab = Lab::of("join", &sample);
    fs::remove_file(lab.at("/etc/b")).unwrap();
    fs::hard_link(lab.at("/etc/a"), lab.at("/etc/b")).unwrap();
    assert_eq!(lab.drifts(), ["/etc/a links", "/etc/b links"]);
}

#[test]
fn a_symbolic_link_retargeted() {
    let lab = Lab::new("retarget");
    fs::remove_file(lab.at("/usr/bin/vi")).unwrap();
    symlink("/tmp/evil", lab.at("/usr/bin/vi")).unwrap();
    let drift = lab.drift();
    assert_eq!(
        drift.change.to_string(),
        "target: /etc/alternatives/vi -> /tmp/evil"
    );
    assert_eq!(drift.effects, [Effect::Program]);
}

#[test]
fn a_file_replaced_by_a_symbolic_link_to_an_equal_one() {
    let lab = Lab::new("to-link");
    fs::rename(lab.at("/etc/passwd"), lab.scratch.join("passwd")).unwrap();
    symlink(lab.scratch.join("passwd"), lab.at("/etc/passwd")).unwrap();
    assert_eq!(lab.drifts(), ["/etc/passwd type"]);
}

#[test]
fn a_directory_replaced_by_a_symbolic_link_to_an_equal_one() {
    let lab = Lab::new("dir-link");
    fs::rename(lab.at("/var/log"), lab.scratch.join("log")).unwrap();
    symlink(lab.scratch.join("log"), lab.at("/var/log")).unwrap();
    assert_eq!(lab.drifts(), ["/var/log type", "/var/log/app.log removed"]);
}

#[test]
fn a_symbolic_link_loop() {
    let lab = Lab::new("loop");
    symlink("loop", lab.at("/etc/loop")).unwrap();
    symlink("..", lab.at("/etc/up")).unwrap();
    assert_eq!(lab.drifts(), ["/etc/loop added", "/etc/up added"]);
}

#[test]
fn a_fifo_in_place_of_a_file() {
    let lab = Lab::new("fifo");
    fs::remove_file(lab.at("/etc/passwd")).unwrap();
    root::node(&lab.at("/etc/passwd"), FileType::Fifo, 0, 0);
    chmod(&lab.at("/etc/passwd"), 0o644);
    assert_eq!(lab.drift().change.to_string(), "type: file -> FIFO");
}

#[test]
fn a_socket_in_place_of_a_file() {
    let lab = Lab::new("socket");
    fs::remove_file(lab.at("/etc/motd")).unwrap();
    root::node(&lab.at("/etc/motd"), FileType::Socket, 0, 0);
    chmod(&lab.at("/etc/motd"), 0o644);
    assert_eq!(lab.drifts(), ["/etc/motd type"]);
}

#[test]
fn a_device_added_or_renumbered() {
    if !is_root() {
        return skip("only root makes devices");
    }
    let mut sample = Sample::new();
    let null = karat::tree::Device { major: 1, minor: 3 };
    sample.add(
        "/etc/null",
        0o600,
        karat::tree::Kind::CharDevice(null),
        "package:a",
    );
    let lab = Lab::of("device", &sample);
    assert_eq!(lab.drifts(), [""; 0]);
    fs::remove_file(lab.at("/etc/null")).unwrap();
    root::node(&lab.at("/etc/null"), FileType::CharacterDevice, 1, 1);
    let drift = lab.drift();
    assert_eq!(
        drift.change.to_string(),
        "type: character device 1:3 -> character device 1:1"
    );
    assert_eq!(drift.effects, [Effect::Device]);
    assert_eq!(drift.severity, Severity::Critical);
}

#[test]
fn a_setuid_file_added() {
    let lab = Lab::new("added-setuid");
    fs::write(lab.at("/var/lib/app/.x"), b"#!").unwrap();
    chmod(&lab.at("/var/lib/app/.x"), 0o4755);
    let drift = lab.drift();
    assert_eq!(line(&drift), "/var/lib/app/.x added");
    assert_eq!(drift.owner.origin().to_string(), "package:app");
    assert_eq!(drift.effects, [Effect::Program, Effect::SetUid]);
    assert_eq!(drift.severity, Severity::Critical);
}

#[test]
fn a_preloaded_library_added() {
    let lab = Lab::new("preload");
    fs::write(lab.at("/etc/ld.so.preload"), b"/tmp/x.so\n").unwrap();
    let drift = lab.drift();
    assert_eq!(drift.effects, [Effect::LoadedEverywhere]);
    assert_eq!(drift.severity, Severity::Critical);
}

#[test]
fn a_removed_file() {
    let lab = Lab::new("removed");
    fs::remove_file(lab.at("/usr/bin/ping")).unwrap();
    assert_eq!(line(&lab.drift()), "/usr/bin/ping removed");
}

#[test]
fn the_images_own_manifest_or_expectations_tampered_with() {
    let lab = Lab::new("own");
    let own = lab.at(karat::manifest::RESERVED[0]);
    let good = fs::read(&own).unwrap();
    fs::write(&own, b". type=dir\n").unwrap();
    let drift = lab.drift();
    assert_eq!(
        line(&drift),
        "/usr/lib/karat/baseline/manifest.mtree content"
    );
    assert_eq!(drift.effects, [Effect::Trust]);
    fs::write(&own, good).unwrap();
    fs::remove_file(lab.at(karat::manifest::RESERVED[1])).unwrap();
    assert_eq!(
        lab.drifts(),
        ["/usr/lib/karat/baseline/expect.json removed"]
    );
}

#[test]
fn a_name_that_steers_the_terminal() {
    let lab = Lab::new("names");
    for name in [
        b"/etc/\n* everything matches".as_slice(),
        b"/etc/\x1b[2J",
        b"/etc/\xff\xfe",
        "/etc/\u{202e}fdp".as_bytes(),
    ] {
        fs::write(lab.at(name), b"").unwrap();
    }
    assert_eq!(
        lab.drifts(),
        [
            "/etc/\\n* everything matches added",
            "/etc/\\x1b[2J added",
            "/etc/\\xe2\\x80\\xaefdp added",
            "/etc/\\xff\\xfe added",
        ]
    );
}

#[test]
fn a_huge_sparse_file() {
    let lab = Lab::new("sparse");
    let file = fs::File::create(lab.at("/etc/huge")).unwrap();
    if file.set_len(1 << 40).is_err() {
        return skip("this file system has no files that large");
    }
    assert_eq!(lab.drifts(), ["/etc/huge added"]);
    let file = fs::File::options()
        .write(true)
        .open(lab.at("/etc/motd"))
        .unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(lab.drifts(), ["/etc/huge added", "/etc/motd content"]);
}

#[test]
fn a_tree_deeper_than_any_path() {
    let lab = Lab::new("deep");
    let mut at = rustix::fs::openat(
        rustix::fs::CWD,
        lab.at("/etc"),
        rustix::fs::OFlags::DIRECTORY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    let name = "d".repeat(200);
    for _ in 0..40 {
        rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        at = rustix::fs::openat(&at, &name, flags, rustix::fs::Mode::empty()).unwrap();
    }
    let report = lab.report();
    assert_eq!(report.verdicts(), [Verdict::Drift, Verdict::Incomplete]);
    assert_eq!(report.not_checked.len(), 1);
    assert_eq!(report.not_checked[0].reason.name(), "too-long");
}

#[test]
fn more_paths_than_the_budget() {
    let lab = Lab::new("budget");
    for number in 0..50 {
        fs::write(lab.at(format!("/var/log/{number}")), b"").unwrap();
    }
    let expected = Listed(&lab.manifest);
    let mut options = Scan::new(&expected, NonZero::new(1).unwrap());
    options.entries_max = 40;
    let evidence = scan(&lab.root(), &options).unwrap();
    let report = appraise(&lab.manifest, &lab.expectations, &evidence);
    assert_eq!(report.verdict(), Verdict::Incomplete);
    assert_eq!(report.not_checked[0].reason.name(), "budget");
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    if is_root() {
        return not_for("root, who reads everything");
    }
    let lab = Lab::new("unreadable");
    chmod(&lab.at("/var/lib/app"), 0o000);
    let report = lab.report();
    chmod(&lab.at("/var/lib/app"), 0o755);
    assert_eq!(report.verdicts(), [Verdict::Drift, Verdict::Incomplete]);
    assert_eq!(report.paths_not_checked, 2);
}

#[test]
fn a_clean_copy_mounted_over_a_tampered_file() {
    let Some(unshare) = judge("unshare") else {
        return;
    };
    if !is_root() {
        return skip("only root mounts over files of an image that is root's");
    }
    let release = crate::support::signed::Release::new("mount");
    let root = release.unpack();
    fs::copy(root.join("etc/passwd"), release.scratch.join("clean")).unwrap();
    fs::write(root.join("etc/passwd"), b"root::0:0::/root:/bin/sh\n").unwrap();
    let verify = |mount: &str| {
        let script = format!(
            "{mount} && exec \"$AGENT\" verify --root root --baseline out/demo_1.dsse.json \
             --trust trust.json"
        );
        let output = unshare
            .command()
            .args(["--mount", "sh", "-c", &script])
            .env("AGENT", env!("CARGO_BIN_EXE_karat-agent"))
            .current_dir(release.scratch.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    // Both are told: the mount, and what lies beneath it.
    let (code, text) = verify("mount --bind clean root/etc/passwd");
    assert_eq!(code, Some(10), "{text}");
    for line in ["high       /etc/passwd\n", " content: 26 bytes", " mount: "] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // Where no table of mounts can be read it is not crossed, and not believed.
    let hidden = "mount --bind clean root/etc/passwd && mount -t tmpfs none /proc";
    let (code, text) = verify(hidden);
    assert_eq!(code, Some(13), "{text}");
    assert!(
        text.contains("/etc/passwd: another file system is mounted there"),
        "{text}"
    );
    // A clean tree with something mounted over it is no clean system.
    fs::copy(release.scratch.join("clean"), root.join("etc/passwd")).unwrap();
    let (code, text) = verify("mount -t tmpfs none root/etc");
    assert_eq!(code, Some(10), "{text}");
    assert!(text.contains(" /etc\n"), "{text}");
    assert!(text.contains(" mount: tmpfs from none"), "{text}");
    assert!(!text.contains("/etc/passwd"), "{text}");
}
