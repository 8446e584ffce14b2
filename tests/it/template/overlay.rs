//! The overlay on small trees, and what systemctl and the shadow tools make of the same.

use std::collections::BTreeMap;
use std::path::Path;

use karat::path::ImagePath;
use karat::stage::overlay::{self, OverlayError, UnitProblem};
use karat::tree::{Blobs, Kind, Layered, MemoryBlobs, Open, Origin, Tree};

use super::{WHOLE, resolve};
use crate::support::root::Sample;
use crate::support::{Scratch, judge, root};

/// A system with accounts, systemd's directories and merged `/usr`.
pub(super) fn system() -> Sample {
    let mut sample = Sample::empty();
    let from = "package:base-files";
    for path in [
        "/etc",
        "/etc/skel",
        "/etc/skel/.config",
        "/etc/systemd",
        "/etc/systemd/system",
        "/home",
        "/root",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib/systemd",
        "/usr/lib/systemd/system",
    ] {
        sample.add(path, 0o755, Kind::Directory, from);
    }
    for (path, target) in [("/lib", "usr/lib"), ("/bin", "usr/bin")] {
        sample.add(path, 0o777, Kind::Symlink(target.into()), from);
    }
    for (path, mode, text) in [
        (
            "/etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nwww:x:100:102::/var/www:/usr/sbin/nologin\n",
        ),
        (
            "/etc/group",
            0o644,
            "root:x:0:\ndaemon:x:1:\nsudo:x:27:\nwww:x:102:\n",
        ),
        (
            "/etc/shadow",
            0o640,
            "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\nwww:$y$j9T$x:20000:0:99999:7:::\n",
        ),
        (
            "/etc/gshadow",
            0o640,
            "root:*::\ndaemon:*::\nsudo:*::\nwww:!::\n",
        ),
        ("/etc/skel/.profile", 0o644, "umask 077\n"),
        ("/etc/os-release", 0o644, "ID=debian\nIMAGE_ID=old"),
    ] {
        sample.file(path, mode, text.as_bytes(), from);
    }
    sample
}

pub(super) fn unit(sample: &mut Sample, name: &str, install: &str) {
    let text = format!("[Service]\nExecStart=/usr/bin/true\n{install}");
    let path = format!("/usr/lib/systemd/system/{name}");
    sample.file(path, 0o644, text.as_bytes(), "package:units");
}

/// The tree and its blobs after laying `text` over `sample`.
pub(super) fn lay(sample: &Sample, text: &str) -> Result<(Tree<Open>, MemoryBlobs), OverlayError> {
    let template = resolve(&[("t.toml", &format!("{WHOLE}{text}"))]).unwrap();
    let mut new = MemoryBlobs::new();
    let tree = overlay::apply(sample.tree.clone(), &template, &mut new, &sample.blobs)?;
    Ok((tree, new))
}

pub(super) fn path(text: &str) -> ImagePath {
    ImagePath::parse(text).unwrap()
}

pub(super) fn text(sample: &Sample, (tree, new): &(Tree<Open>, MemoryBlobs), at: &str) -> String {
    let content = tree.content(&path(at)).unwrap_or_else(|| panic!("{at}"));
    let bytes = Layered(new, &sample.blobs).read(&content).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// `0700 1000:1000 template:users`.
pub(super) fn facts((tree, _): &(Tree<Open>, MemoryBlobs), at: &str) -> String {
    let inode = tree.get(&path(at)).unwrap_or_else(|| panic!("{at}"));
    let stat = inode.stat;
    format!("{} {}:{} {}", stat.mode, stat.uid, stat.gid, inode.origin)
}

pub(super) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH a";

#[test]
fn accounts_are_added_in_debians_ranges() {
    let sample = system();
    let out = lay(
        &sample,
        &format!(
            "[[groups]]\nname = \"ops\"\n[[groups]]\nname = \"spool\"\nsystem = true\n\
             [[users]]\nname = \"admin\"\ngroups = [\"sudo\", \"ops\"]\nssh_keys = [\"{KEY}\"]\n\
             [[users]]\nname = \"app\"\nsystem = true\ncomment = \"The app\"\n\
             [[users]]\nname = \"fixed\"\nuid = 4000\ngroup = \"ops\"\nlocked = false\nshell = \"/bin/sh\"\nhome = \"/srv/fixed\"\n"
        ),
    )
    .unwrap();
    assert_eq!(
        text(&sample, &out, "/etc/passwd")
            .lines()
            .skip(3)
            .collect::<Vec<_>>(),
        [
            // 1000 is the group ops; 100 and 102 are taken.
            "admin:x:1001:1001::/home/admin:/bin/bash",
            "app:x:101:101:The app:/nonexistent:/usr/sbin/nologin",
            "fixed:x:4000:1000::/srv/fixed:/bin/sh",
        ]
    );
    assert_eq!(
        text(&sample, &out, "/etc/group"),
        "root:x:0:\ndaemon:x:1:\nsudo:x:27:admin\nwww:x:102:\nops:x:1000:admin\nspool:x:100:\nadmin:x:1001:\napp:x:101:\n"
    );
    assert_eq!(
        text(&sample, &out, "/etc/shadow")
            .lines()
            .skip(3)
            .collect::<Vec<_>>(),
        [
            "admin:!:20370:0:99999:7:::",
            "app:!:20370:0:99999:7:::",
            "fixed:*:20370:0:99999:7:::",
        ]
    );
    assert!(text(&sample, &out, "/etc/gshadow").contains("\nsudo:*::admin\n"));
    assert!(facts(&out, "/etc/shadow").starts_with("0640 "));
    assert_eq!(facts(&out, "/home/admin"), "0700 1001:1001 template:users");
    assert_eq!(
        facts(&out, "/home/admin/.profile"),
        "0644 1001:1001 template:users"
    );
    assert_eq!(
        facts(&out, "/home/admin/.ssh"),
        "0700 1001:1001 template:users"
    );
    assert_eq!(
        facts(&out, "/home/admin/.ssh/authorized_keys"),
        "0600 1001:1001 template:users"
    );
    assert_eq!(
        text(&sample, &out, "/home/admin/.ssh/authorized_keys"),
        format!("{KEY}\n")
    );
    assert_eq!(facts(&out, "/srv/fixed"), "0700 4000:1000 template:users");
    assert!(out.0.get(&path("/nonexistent")).is_none());
    // The skeleton itself is as the package put it.
    assert!(facts(&out, "/etc/skel/.profile").ends_with("package:base-files"));
}

#[test]
fn an_account_of_a_package_is_changed_not_doubled() {
    let sample = system();
    let out = lay(
        &sample,
        "[[users]]\nname = \"www\"\nshell = \"/bin/sh\"\ngroups = [\"daemon\"]\n",
    )
    .unwrap();
    let passwd = text(&sample, &out, "/etc/passwd");
    assert!(
        passwd.ends_with("www:x:100:102::/var/www:/bin/sh\n"),
        "{passwd}"
    );
    assert!(text(&sample, &out, "/etc/group").contains("daemon:x:1:www\n"));
    // A usable password is locked; root's and daemon's, which nobody named, stay.
    assert!(text(&sample, &out, "/etc/shadow").ends_with("www:!:20370:0:99999:7:::\n"));
}

#[test]
fn accounts_that_cannot_be() {
    let id_taken = OverlayError::IdTaken {
        what: "user",
        name: "a".to_owned(),
        id: 100,
        other: "www".to_owned(),
    };
    let differs = OverlayError::IdDiffers {
        what: "user",
        name: "www".to_owned(),
        has: 100,
        stated: 7,
    };
    let no_group = OverlayError::UnknownGroup {
        name: "nope".to_owned(),
        of: "user a".to_owned(),
    };
    let no_owner = OverlayError::UnknownUser {
        name: "nope".to_owned(),
        of: "/x".to_owned(),
    };
    for (text, error) in [
        ("[[users]]\nname = \"a\"\nuid = 100\n", id_taken),
        ("[[users]]\nname = \"www\"\nuid = 7\n", differs),
        ("[[users]]\nname = \"a\"\ngroups = [\"nope\"]\n", no_group),
        (
            "[[files]]\npath = \"/x\"\ncontent = \"\"\nowner = \"nope\"\n",
            no_owner,
        ),
    ] {
        assert_eq!(lay(&system(), text).unwrap_err(), error, "{text}");
    }
    let mut broken = system();
    broken.file(
        "/etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/bin/bash\n+\n",
        "package:x",
    );
    assert_eq!(
        lay(&broken, "[[users]]\nname = \"a\"\n").unwrap_err(),
        OverlayError::AccountLine {
            path: path("/etc/passwd"),
            line: 2
        }
    );
}

#[test]
fn files_go_where_a_process_in_the_image_would_put_them() {
    let mut sample = system();
    sample.file("/usr/bin/tool", 0o4755, b"old", "package:tool");
    sample.link("/usr/bin/twin", "/usr/bin/tool");
    sample.file("/usr/lib/gone", 0o644, b"x", "package:tool");
    let out = lay(
        &sample,
        "[[files]]\npath = \"/bin/tool\"\ncontent = \"new\"\nmode = \"0750\"\nowner = \"www\"\ngroup = \"sudo\"\n\
         [[files]]\npath = \"/opt/a/b\"\ncontent = \"deep\"\n\
         [[files]]\npath = \"/lib/gone\"\nabsent = true\n\
         [[files]]\npath = \"/never\"\nabsent = true\n\
         [[files]]\npath = \"/etc/localtime\"\nlink = \"/usr/share/zoneinfo/UTC\"\n\
         [[files]]\npath = \"/root\"\ndirectory = true\nmode = \"0700\"\n",
    )
    .unwrap();
    assert_eq!(facts(&out, "/usr/bin/tool"), "0750 100:27 template:files");
    assert_eq!(text(&sample, &out, "/usr/bin/tool"), "new");
    // The other name of what was a hard link keeps the package's bytes and bits.
    assert_eq!(text(&sample, &out, "/usr/bin/twin"), "old");
    assert!(facts(&out, "/usr/bin/twin").starts_with("4755 "));
    assert_eq!(facts(&out, "/opt/a"), "0755 0:0 template:files");
    assert!(out.0.get(&path("/usr/lib/gone")).is_none());
    assert_eq!(facts(&out, "/root"), "0700 0:0 template:files");
    let link = &out.0.get(&path("/etc/localtime")).unwrap().kind;
    assert_eq!(*link, Kind::Symlink(b"/usr/share/zoneinfo/UTC".to_vec()));
    // Neither of the links at the top became a directory.
    assert_eq!(
        out.0.get(&path("/bin")).unwrap().kind,
        Kind::Symlink(b"usr/bin".to_vec())
    );
    out.0.seal().unwrap();
}

#[test]
fn a_link_of_the_image_that_leads_nowhere_or_in_a_circle_is_not_followed() {
    let mut sample = system();
    for (path, target) in [
        ("/dangling", "/none"),
        ("/a", "b"),
        ("/b", "a"),
        ("/up", "../../.."),
    ] {
        sample.add(path, 0o777, Kind::Symlink(target.into()), "package:evil");
    }
    for entry in ["/dangling/x", "/a/x", "/etc/passwd/x"] {
        let text = format!("[[files]]\npath = \"{entry}\"\ncontent = \"x\"\n");
        assert_eq!(
            lay(&sample, &text).unwrap_err(),
            OverlayError::Parent(path(entry)),
            "{entry}"
        );
    }
    // `..` stops at the image's root.
    let out = lay(&sample, "[[files]]\npath = \"/up/x\"\ncontent = \"x\"\n").unwrap();
    assert_eq!(text(&sample, &out, "/x"), "x");
}

#[test]
fn a_file_does_not_replace_a_directory_silently() {
    assert_eq!(
        lay(
            &system(),
            "[[files]]\npath = \"/etc/skel\"\ncontent = \"\"\n"
        )
        .unwrap_err(),
        OverlayError::Directory(path("/etc/skel"))
    );
}

#[test]
fn kernel_settings_and_the_images_name() {
    let sample = system();
    let out = lay(
        &sample,
        "[kernel]\ncmdline = [\"quiet\", \"audit=1\"]\nmodules = [\"br_netfilter\"]\n\
         [kernel.sysctl]\nnet.ipv4.ip_forward = 0\n\"kernel.core_pattern\" = \"|/bin/false\"\n",
    )
    .unwrap();
    assert_eq!(
        text(&sample, &out, "/etc/sysctl.d/60-karat.conf"),
        "# Written by karat from [kernel] of the image's template.\n\
         kernel.core_pattern = |/bin/false\nnet.ipv4.ip_forward = 0\n"
    );
    assert!(text(&sample, &out, "/etc/modules-load.d/karat.conf").ends_with("\nbr_netfilter\n"));
    assert_eq!(
        text(&sample, &out, "/etc/kernel/cmdline"),
        "quiet audit=1\n"
    );
    assert_eq!(
        text(&sample, &out, "/etc/os-release"),
        "ID=debian\nIMAGE_ID=\"x\"\nIMAGE_VERSION=\"1\"\n"
    );
    assert_eq!(
        facts(&out, "/etc/os-release").split(' ').nth(2),
        Some("template:image")
    );
    let none = lay(&sample, "").unwrap();
    for path_of in [
        "/etc/sysctl.d",
        "/etc/modules-load.d",
        "/etc/kernel",
        "/etc/systemd/system-preset",
    ] {
        assert!(none.0.get(&path(path_of)).is_none(), "{path_of}");
    }
}

/// Units with every turn that `[Install]` can take.
fn units() -> Sample {
    let mut sample = system();
    unit(
        &mut sample,
        "a.service",
        "[Install]\nWantedBy=multi-user.target graphical.target\nRequiredBy=x.target\nAlias=alias-a.service\nAlso=b.socket missing.socket\n",
    );
    unit(
        &mut sample,
        "b.socket",
        "[Install]\nWantedBy=sockets.target\nAlso=a.service\n",
    );
    unit(
        &mut sample,
        "t@.service",
        "[Install]\nWantedBy=t-%i.target %p.target\nDefaultInstance=dd\nAlias=q@%i.service\n",
    );
    unit(
        &mut sample,
        "n@.service",
        "[Install]\nWantedBy=multi-user.target\n",
    );
    unit(&mut sample, "static.service", "");
    unit(
        &mut sample,
        "odd.service",
        "[Install]\nWantedBy=%H.target\n",
    );
    sample.add(
        "/usr/lib/systemd/system/vendor.service",
        0o777,
        Kind::Symlink("a.service".into()),
        "package:units",
    );
    sample
}

/// All links below `/etc`, with `/lib` and `/usr/lib` taken for the same, as they are.
fn links(tree: &Tree<Open>) -> BTreeMap<String, String> {
    tree.subtree(&path("/etc"))
        .filter_map(|entry| match &entry.inode.kind {
            Kind::Symlink(target) => {
                let target = String::from_utf8(target.clone()).unwrap();
                Some((entry.path.to_string(), target))
            }
            _ => None,
        })
        .collect()
}

fn links_on_disk(root: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let at = format!("{below}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            links_on_disk(root, &at, found);
        } else if entry.file_type().unwrap().is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap();
            let target = target.to_str().unwrap();
            let target = target
                .strip_prefix("/lib/")
                .map_or_else(|| target.to_owned(), |rest| format!("/usr/lib/{rest}"));
            found.insert(format!("/{at}"), target);
        }
    }
}

#[test]
fn services_end_as_systemctl_would_have_them() {
    let Some(systemctl) = judge("systemctl") else {
        return;
    };
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&["a.service"], &[], &[]),
        (&["b.socket"], &[], &[]),
        (&["t@.service"], &[], &[]),
        (&["t@x.service", "n@eth0.service"], &[], &[]),
        (&[], &[], &["static.service", "n@eth0.service"]),
        (&[], &["a.service"], &[]),
        (&["t@y.service"], &["a.service"], &["b.socket"]),
    ];
    for (enable, disable, mask) in cases {
        let scratch = Scratch::new("systemctl");
        let mut sample = units();
        // Something to disable: the links that a maintainer script would have left.
        let before = "[services]\nenable = [\"a.service\", \"t@old.service\"]\n";
        if !disable.is_empty() {
            let (tree, new) = lay(&sample, before).unwrap();
            for link in links(&tree) {
                let at = path(&link.0);
                let origin: Origin = "script:configure".parse().unwrap();
                sample
                    .tree
                    .make_dirs(&at.parent().unwrap(), &origin)
                    .unwrap();
                sample.add(
                    link.0,
                    0o777,
                    Kind::Symlink(link.1.into_bytes()),
                    "script:configure",
                );
            }
            drop(new);
        }
        root::write(&sample.tree, &sample.blobs, scratch.path());
        for (verb, list) in [("disable", disable), ("enable", enable), ("mask", mask)] {
            if !list.is_empty() {
                let run = systemctl
                    .command()
                    .arg(format!("--root={}", scratch.path().display()))
                    .arg(verb)
                    .args(*list)
                    .output()
                    .unwrap();
                assert!(
                    run.status.success(),
                    "{}",
                    String::from_utf8_lossy(&run.stderr)
                );
            }
        }
        let mut theirs = BTreeMap::new();
        links_on_disk(scratch.path(), "etc", &mut theirs);
        let text =
            format!("[services]\nenable = {enable:?}\ndisable = {disable:?}\nmask = {mask:?}\n");
        let ours = lay(&sample, &text).unwrap();
        assert_eq!(links(&ours.0), theirs, "{text}");
        for (link, _) in links(&ours.0) {
            let origin = &ours.0.get(&path(&link)).unwrap().origin;
            assert!(["template:services", "script:configure"].contains(&&*origin.to_string()));
        }
        // No directory is left that systemctl would have removed.
        for entry in ours.0.subtree(&path("/etc/systemd/system")) {
            let on_disk = root::on(scratch.path(), entry.path.as_bytes());
            assert!(on_disk.symlink_metadata().is_ok(), "{} {text}", entry.path);
        }
    }
}

#[test]
fn units_that_cannot_be_enabled_are_errors_that_name_them() {
    let cases = [
        ("enable", "nope.service", UnitProblem::Unknown),
        ("disable", "nope.service", UnitProblem::Unknown),
        ("mask", "nope.service", UnitProblem::Unknown),
        ("enable", "static.service", UnitProblem::NoInstall),
        (
            "enable",
            "n@.service",
            UnitProblem::NoInstance("n@NAME.service".to_owned()),
        ),
        (
            "enable",
            "vendor.service",
            UnitProblem::Alias("a.service".to_owned()),
        ),
        (
            "enable",
            "odd.service",
            UnitProblem::Install(
                "its [Install] section names \"%H.target\", which is no unit".to_owned(),
            ),
        ),
    ];
    for (verb, unit, reason) in cases {
        let error = lay(&units(), &format!("[services]\n{verb} = [\"{unit}\"]\n")).unwrap_err();
        assert_eq!(
            error,
            OverlayError::Unit {
                unit: unit.to_owned(),
                reason
            },
            "{verb}"
        );
        assert!(error.to_string().contains(unit));
    }
    let mut masked = units();
    masked.add(
        "/etc/systemd/system/a.service",
        0o777,
        Kind::Symlink("/dev/null".into()),
        "script:configure",
    );
    assert_eq!(
        lay(&masked, "[services]\nenable = [\"a.service\"]\n").unwrap_err(),
        OverlayError::Unit {
            unit: "a.service".to_owned(),
            reason: UnitProblem::Masked
        }
    );
}

#[test]
fn a_unit_that_the_template_itself_brings_can_be_enabled() {
    let sample = units();
    let out = lay(
        &sample,
        "[services]\nenable = [\"own.service\"]\n[[files]]\npath = \"/usr/lib/systemd/system/own.service\"\n\
         content = \"\"\"[Install]\nWantedBy=multi-user.target\n\"\"\"\n",
    )
    .unwrap();
    assert_eq!(
        links(&out.0)
            .get("/etc/systemd/system/multi-user.target.wants/own.service")
            .unwrap(),
        "/usr/lib/systemd/system/own.service"
    );
    assert_eq!(
        text(&sample, &out, "/etc/systemd/system-preset/10-karat.preset")
            .lines()
            .last(),
        Some("enable own.service")
    );
}

#[test]
fn a_link_in_the_spelling_of_an_older_release_is_kept() {
    let mut sample = units();
    let link = "/etc/systemd/system/sockets.target.wants/b.socket";
    sample.add(
        "/etc/systemd/system/sockets.target.wants",
        0o755,
        Kind::Directory,
        "script:b",
    );
    let target = "/lib/systemd/system/b.socket";
    sample.add(link, 0o777, Kind::Symlink(target.into()), "script:b");
    let out = lay(&sample, "[services]\nenable = [\"b.socket\"]\n").unwrap();
    assert_eq!(links(&out.0)[link], target);
    assert_eq!(
        out.0.get(&path(link)).unwrap().origin.to_string(),
        "script:b"
    );
}

/// grpck looks members up on the host.
const MEMBERS_OF_THE_HOST: [&str; 2] = ["no user", "delete member 'admin'?"];

#[test]
fn the_shadow_tools_find_nothing_to_repair() {
    let sample = system();
    let out = lay(
        &sample,
        "[[groups]]\nname = \"ops\"\n\
         [[users]]\nname = \"admin\"\ngroups = [\"sudo\", \"ops\"]\n\
         [[users]]\nname = \"app\"\nsystem = true\nhome = \"/srv/app\"\n",
    )
    .unwrap();
    for (program, first, second) in [
        ("pwck", "/etc/passwd", "/etc/shadow"),
        ("grpck", "/etc/group", "/etc/gshadow"),
    ] {
        let Some(judge) = judge(program) else {
            return;
        };
        let scratch = Scratch::new(program);
        for at in [first, second] {
            let name = at.rsplit('/').next().unwrap();
            std::fs::write(scratch.join(name), text(&sample, &out, at)).unwrap();
        }
        let name = |at: &str| scratch.join(at.rsplit('/').next().unwrap());
        let run = judge
            .command()
            .args(["-r", "-q"])
            .args([name(first), name(second)])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        // Homes, shells and groups are looked up on the host, where the image's do not exist.
        let of_the_host = [
            "no group",
            "home directory",
            "login shell",
            "directory '",
            "program '",
        ];
        let complaints: Vec<&str> = said
            .lines()
            .filter(|line| !line.is_empty() && !line.ends_with("ck: no changes"))
            .filter(|line| !of_the_host.iter().any(|text| line.contains(text)))
            .filter(|line| {
                program != "grpck" || !MEMBERS_OF_THE_HOST.iter().any(|x| line.contains(x))
            })
            .collect();
        assert!(complaints.is_empty(), "{program}: {complaints:?}");
    }
}
