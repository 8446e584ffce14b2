//! Shipped rules that say something only where a template, a package or a partition is there: on a root
//! that has all of them.

use std::sync::Arc;

use super::root::fixed;
use super::tests::{FILTER, add, bad, fixture, selection, stated, undone};
use super::{
    Catalogue, NEEDED_BY_DISK, Outcome, Profile, Results, Root, Selection, Stated, TreeView, apply,
    check, facts_of,
};
use crate::tree::{Blobs, Layered, MemoryBlobs, Open, Origin, Tree};

/// What a server has where somebody thought of all of it.
const FILES: &[(&str, u32, u32, &str)] = &[
    (
        "/etc/fstab",
        0o644,
        0,
        "LABEL=root / ext4 defaults 0 1\nLABEL=boot /boot ext4 defaults 0 2\n\
         LABEL=esp /boot/efi vfat umask=0077 0 1\nLABEL=esp2 /efi vfat umask=0077 0 1\n\
         LABEL=home /home ext4 defaults,suid 0 2\nLABEL=opt /opt ext4 defaults 0 2\n\
         LABEL=srv /srv ext4 defaults 0 2\nLABEL=var /var ext4 defaults 0 2\n",
    ),
    (
        "/etc/grub.d/40_custom",
        0o755,
        0,
        "#!/bin/sh\nexec tail -n +3 $0\nset superusers=\"root\"\n\
         password_pbkdf2 root grub.pbkdf2.sha512.10000.AB.CD\n",
    ),
    ("/etc/nftables.d/karat.nft", 0o600, 0, FILTER),
    (
        "/etc/systemd/journal-upload.conf",
        0o644,
        0,
        "[Upload]\nURL=https://logs.example:19532\nServerKeyFile=/var/lib/keys/a.key\n\
         ServerCertificateFile=/var/lib/keys/a.pem\nTrustedCertificateFile=/etc/ssl/logs.pem\n",
    ),
    (
        "/etc/systemd/system/nftables.service.d/10-karat.conf",
        0o644,
        0,
        "[Service]\nExecStart=\nExecStart=/usr/sbin/nft -f /etc/nftables.d/karat.nft\n",
    ),
    (
        "/etc/systemd/system/sockets.target.wants/ours.socket",
        0o644,
        0,
        "",
    ),
    (
        "/etc/systemd/system/ours.socket",
        0o644,
        0,
        "[Socket]\nListenStream=22\nListenStream=/run/ours\n",
    ),
    (
        "/usr/lib/systemd/system/nftables.service",
        0o644,
        0,
        "[Service]\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n[Install]\nWantedBy=sysinit.target\n",
    ),
    (
        "/usr/lib/systemd/system/systemd-journal-upload.service",
        0o644,
        0,
        "[Service]\nExecStart=/usr/lib/systemd/systemd-journal-upload\n[Install]\nWantedBy=multi-user.target\n",
    ),
    (
        "/var/lib/dpkg/status",
        0o644,
        0,
        "Package: grub-pc\nStatus: install ok installed\nVersion: 1\n\n\
         Package: linux-image-6.12.9-amd64\nStatus: install ok installed\nVersion: 6.12.9-1\n\n\
         Package: nftables\nStatus: install ok installed\nVersion: 1\n\n\
         Package: systemd-journal-remote\nStatus: install ok installed\nVersion: 1\n",
    ),
];

/// Rules that this file is about.
const ABOUT: [&str; 10] = [
    "bt.pw",
    "fs.boot",
    "fs.home",
    "fs.opt-srv",
    "fs.var",
    "fw.imds",
    "fw.ports",
    "lg.remote",
    "pk.sbom",
    "sv.listen",
];

fn root(blobs: &mut MemoryBlobs) -> Tree<Open> {
    let mut tree = fixture(blobs);
    for (path, ..) in FILES {
        if tree.get(&fixed(path)).is_some() {
            tree.remove(&fixed(path)).unwrap();
        }
    }
    add(&mut tree, blobs, FILES);
    tree
}

fn judged(tree: &Tree<Open>, blobs: &dyn Blobs, stated: Option<Stated>) -> Results {
    let view = TreeView::new(tree, blobs);
    let selection = Selection {
        stated,
        ..selection(Catalogue::shipped().unwrap())
    };
    check(&Root::new(&view, selection.stated.as_ref()), &selection).unwrap()
}

#[test]
fn where_all_is_stated_they_hold_and_undoing_any_is_found() {
    let mut blobs = MemoryBlobs::new();
    let mut new = MemoryBlobs::new();
    let tree = root(&mut blobs);
    let catalogue = Catalogue::shipped().unwrap();
    let hardened = apply(
        tree.clone(),
        &selection(Arc::clone(&catalogue)),
        &mut new,
        &blobs,
    )
    .unwrap();
    for id in ABOUT {
        let result = hardened.results.get(id).unwrap();
        assert_eq!(result.outcome, Outcome::Pass, "{id}: {:?}", result.reasons);
    }
    let seen = Layered(&new, &blobs);
    let content = hardened.tree.content(&fixed("/etc/fstab")).unwrap();
    let fstab = String::from_utf8(seen.read(&content).unwrap()).unwrap();
    for line in [
        "LABEL=boot /boot ext4 nodev,noexec,nosuid 0 2\n",
        "LABEL=esp /boot/efi vfat nodev,noexec,nosuid,umask=0077 0 1\n",
        "LABEL=home /home ext4 nodev,nosuid 0 2\n",
        "LABEL=var /var ext4 nodev,nosuid 0 2\n",
    ] {
        assert!(fstab.contains(line), "{fstab}");
    }
    undone(&catalogue, tree, &blobs, false);
}

#[test]
fn where_nothing_is_stated_the_reason_says_so() {
    let mut blobs = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    let results = judged(&tree, &blobs, None);
    for (id, reason) in [
        (
            "bt.pw",
            "none of the packages grub-efi-*, grub-pc is installed",
        ),
        (
            "fs.home",
            "no line of /etc/fstab and no mount unit mounts /home: the image has no partition for it",
        ),
        ("fw.ports", "the package nftables is not installed"),
        (
            "lg.remote",
            "the package systemd-journal-remote is not installed",
        ),
        (
            "sv.listen",
            "what may listen, the template says: name it by --template",
        ),
    ] {
        let result = results.get(id).unwrap();
        assert_eq!(result.outcome, Outcome::NotApplicable, "{id}");
        assert_eq!(result.reasons, [reason], "{id}");
    }
    // What is not there has nothing that must hold while an instance runs.
    let view = TreeView::new(&tree, &blobs);
    let catalogue = Catalogue::shipped().unwrap();
    let facts =
        |id, stated| facts_of(catalogue.get(id).unwrap(), &Root::new(&view, stated)).unwrap();
    assert!(facts("fs.home", None).is_empty() && facts("sv.listen", None).is_empty());
    let stated = stated();
    let listen = facts("sv.listen", Some(&stated)).listen.unwrap();
    assert_eq!(Some(listen.allow), stated.listen);

    let nothing = judged(&tree, &blobs, Some(Stated::default()));
    let listen = nothing.get("sv.listen").unwrap();
    assert_eq!(listen.outcome, Outcome::Fail);
    assert!(
        listen.reasons[0].contains("states no `listen`"),
        "{listen:?}"
    );
}

/// What is loaded beside the compiled rules, in their place, or within them.
#[test]
fn openings_that_no_segment_states_are_named() {
    let reasons = |path: &'static str, text: &'static str| {
        let mut blobs = MemoryBlobs::new();
        let mut tree = root(&mut blobs);
        if tree.get(&fixed(path)).is_some() {
            tree.remove(&fixed(path)).unwrap();
        }
        add(&mut tree, &mut blobs, &[(path, 0o644, 0, text)]);
        let results = judged(&tree, &blobs, Some(stated()));
        bad(&results)
            .get(&super::RuleId::new("fw.ports").unwrap())
            .map(|it| it.join("\n"))
    };
    assert_eq!(
        reasons("/etc/nftables.d/input/more.nft", "tcp dport 4444 accept\n").unwrap(),
        "/etc/nftables.d/input/more.nft: is loaded as well; state the flow in [segment], or the file in [[files]]"
    );
    assert_eq!(
        reasons(
            "/etc/systemd/system/nftables.service.d/20-mine.conf",
            "[Service]\nExecStart=\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n"
        )
        .unwrap(),
        "nftables.service: loads /etc/nftables.conf; wanted: /etc/nftables.d/karat.nft"
    );
    assert!(
        reasons(
            "/etc/nftables.d/karat.nft",
            "table inet karat {\n\ttcp dport 4444 accept\n}\n"
        )
        .unwrap()
        .starts_with("/etc/nftables.d/karat.nft:2: `tcp dport 4444 accept` is not what")
    );
}

/// An image that belongs nowhere lets everything out: the failure says what to state.
#[test]
fn without_a_category_output_is_open_and_the_reason_says_what_to_state() {
    let mut blobs = MemoryBlobs::new();
    let mut tree = root(&mut blobs);
    tree.remove(&fixed("/etc/nftables.d/karat.nft")).unwrap();
    let text = FILTER.replace(
        "hook output priority filter; policy drop",
        "hook output priority filter; policy accept",
    );
    let text: &'static str = text.leak();
    add(
        &mut tree,
        &mut blobs,
        &[("/etc/nftables.d/karat.nft", 0o600, 0, text)],
    );
    let mut new = MemoryBlobs::new();
    let selection = Selection {
        stated: Some(Stated::default()),
        ..selection(Catalogue::shipped().unwrap())
    };
    let hardened = apply(tree, &selection, &mut new, &blobs).unwrap();
    let result = hardened.results.get("fw.deny-out").unwrap();
    assert_eq!(result.outcome, Outcome::Fail);
    assert_eq!(
        result.reasons,
        [
            "/etc/nftables.d/karat.nft: no base chain of the hook output has policy drop; the template's \
          [segment] states no category: state it, and each [[segment.egress]], or build the image with this rule"
        ]
    );
    // A file that nothing loads is not written.
    assert_eq!(result.wrote, [""; 0]);
}

/// A disk of karat's lays its writable places over the root with a module that a rule denies elsewhere.
#[test]
fn what_a_disk_needs_is_denied_to_no_machine_that_has_one() {
    let of_disk = Some(Origin::Template("disk".to_owned()));
    for origin in [None, of_disk] {
        let has_disk = origin.is_some();
        let mut blobs = MemoryBlobs::new();
        let mut tree = fixture(&mut blobs);
        if let Some(origin) = origin {
            let places: &[_] = &[(NEEDED_BY_DISK, 0o644, 0, "# a disk's\noverlay\n")];
            add(&mut tree, &mut blobs, places);
            let path = fixed(NEEDED_BY_DISK);
            let mut inode = tree.get(&path).unwrap().clone();
            inode.origin = origin;
            tree.replace(path, inode).unwrap();
        }
        let mut new = MemoryBlobs::new();
        let selection = selection(Catalogue::shipped().unwrap());
        let hardened = apply(tree, &selection, &mut new, &blobs).unwrap();
        let result = hardened.results.get("km.fs-l2").unwrap();
        assert_eq!(result.outcome, Outcome::Pass, "{:?}", result.reasons);
        let written = hardened
            .tree
            .content(&fixed("/etc/modprobe.d/karat-km-fs-l2.conf"));
        let text = Layered(&new, &blobs).read(&written.unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let denied = |name: &str| text.contains(&format!("install {name} /bin/false\n"));
        assert!(denied("squashfs") && denied("udf"), "{text}");
        assert_eq!(denied("overlay"), !has_disk, "{text}");
        let facts = hardened.facts.modules.unwrap();
        let names: Vec<String> = facts.deny.iter().map(ToString::to_string).collect();
        assert!(names.contains(&"udf".to_owned()), "{names:?}");
        assert_eq!(
            names.contains(&"overlay".to_owned()),
            !has_disk,
            "{names:?}"
        );
    }
}

/// A template leaves a rule out with a reason, and not by a file that looks like a disk's.
#[test]
fn a_templates_own_file_says_nothing_of_what_a_disk_needs() {
    let mut blobs = MemoryBlobs::new();
    let mut tree = fixture(&mut blobs);
    add(
        &mut tree,
        &mut blobs,
        &[(NEEDED_BY_DISK, 0o644, 0, "overlay\n")],
    );
    let path = fixed(NEEDED_BY_DISK);
    let mut inode = tree.get(&path).unwrap().clone();
    inode.origin = Origin::Template("files".to_owned());
    tree.replace(path, inode).unwrap();
    let mut new = MemoryBlobs::new();
    let selection = selection(Catalogue::shipped().unwrap());
    let hardened = apply(tree, &selection, &mut new, &blobs).unwrap();
    let result = hardened.results.get("km.fs-l2").unwrap();
    assert_eq!(result.outcome, Outcome::Fail);
}

/// Debian 12's procps has a file that is read after those of rules, and sets less.
#[test]
fn a_packages_file_that_is_read_last_does_not_win() {
    const LATE: &str = "# Protected links\nfs.protected_fifos = 1\nfs.protected_hardlinks = 1\n\
         -fs/protected_regular=1\nfs.protected_symlinks = 1\n";
    const OTHER: &str = "kernel.sysrq = 438\nkernel.printk = 4 4 1 7\n";
    for suite in ["bookworm", "trixie"] {
        let mut blobs = MemoryBlobs::new();
        let mut new = MemoryBlobs::new();
        let mut tree = fixture(&mut blobs);
        if suite == "bookworm" {
            add(
                &mut tree,
                &mut blobs,
                &[
                    ("/usr/lib/sysctl.d/99-protect-links.conf", 0o644, 0, LATE),
                    ("/etc/sysctl.d/99-sysctl.conf", 0o644, 0, OTHER),
                ],
            );
        }
        let selection = Selection {
            profile: Profile::ServerL1,
            ..selection(Catalogue::shipped().unwrap())
        };
        let hardened = apply(tree, &selection, &mut new, &blobs).unwrap();
        for id in ["sc.fifos", "sc.links", "sc.sysrq"] {
            let result = hardened.results.get(id).unwrap();
            assert_eq!(
                result.outcome,
                Outcome::Pass,
                "{suite} {id}: {:?}",
                result.reasons
            );
        }
        let seen = Layered(&new, &blobs);
        let text = |path: &str| {
            let content = hardened.tree.content(&fixed(path))?;
            Some(String::from_utf8(seen.read(&content).unwrap()).unwrap())
        };
        let (late, other) = (
            text("/etc/sysctl.d/99-protect-links.conf"),
            text("/etc/sysctl.d/99-sysctl.conf"),
        );
        if suite == "bookworm" {
            assert_eq!(
                late.unwrap(),
                "# In the place of /usr/lib/sysctl.d/99-protect-links.conf: karat's hardening rules changed it.\n\
                 # Protected links\nfs.protected_fifos = 2\nfs.protected_hardlinks = 1\n\
                 fs.protected_regular = 2\nfs.protected_symlinks = 1\n"
            );
            assert_eq!(
                other.unwrap(),
                "kernel.sysrq = 0\nkernel.printk = 4 4 1 7\n"
            );
            assert_eq!(
                text("/usr/lib/sysctl.d/99-protect-links.conf").unwrap(),
                LATE
            );
        } else {
            assert_eq!((late, other), (None, None));
        }
    }
}
