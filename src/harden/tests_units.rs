//! The shipped rules for units and PAM stacks, on what Debian has of them.

use super::root::fixed;
use super::tests::{add, fixture, selection, undone};
use super::{Catalogue, Outcome, TreeView, apply, check};
use crate::tree::{
    Blobs as _, Inode, Kind, Layered, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs,
};

const UNITS: &str = include_str!("../../templates/rules/units.toml");
const PAM: &str = include_str!("../../templates/rules/pam.toml");

/// Services of packages, without any sandbox, and one with a sandbox of its own.
const SERVICES: [&str; 13] = [
    "audit-rules",
    "auditd",
    "nginx",
    "nftables",
    "postgresql",
    "postgresql@",
    "ssh",
    "sshd-keygen",
    "systemd-networkd",
    "systemd-networkd-wait-online",
    "systemd-resolved",
    "systemd-timesyncd",
    "vsftpd",
];
/// Services of the template's own.
const OWN: [&str; 4] = [
    "api",
    "dhcp-hostname",
    "postgresql-first-boot",
    "ssh-host-keys",
];

/// What units of packages state themselves, as far as rules leave it to them.
const OWN_SANDBOXES: [(&str, &str); 3] = [
    (
        "systemd-networkd",
        "User=systemd-network\nAmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW\n\
         CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW\n\
         RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6 AF_PACKET\n\
         ProtectKernelModules=yes\nSystemCallFilter=@system-service\n",
    ),
    (
        "systemd-resolved",
        "User=systemd-resolve\nAmbientCapabilities=CAP_NET_RAW\n\
         CapabilityBoundingSet=CAP_SETPCAP CAP_NET_RAW CAP_NET_BIND_SERVICE\n\
         RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6\n",
    ),
    (
        "systemd-timesyncd",
        "User=systemd-timesync\nCapabilityBoundingSet=CAP_SYS_TIME\n\
         RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\nSystemCallFilter=@system-service @clock\n",
    ),
];

/// What pam-auth-update(8) writes on Debian 12 and 13, libpam-pwquality installed.
const AUTH: &str = "# per-package modules (the \"Primary\" block)\n\
    auth\t[success=1 default=ignore]\tpam_unix.so nullok\n\
    # here's the fallback if no module succeeds\nauth\trequisite\t\t\tpam_deny.so\n\
    auth\trequired\t\t\tpam_permit.so\n# end of pam-auth-update config\n";
const ACCOUNT: &str = "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so \n\
    account\trequisite\t\t\tpam_deny.so\naccount\trequired\t\t\tpam_permit.so\n\
    # end of pam-auth-update config\n";
const PASSWORD: &str = "password\trequisite\t\t\tpam_pwquality.so retry=3\n\
    password\t[success=1 default=ignore]\tpam_unix.so obscure use_authtok try_first_pass yescrypt\n\
    password\trequisite\t\t\tpam_deny.so\npassword\trequired\t\t\tpam_permit.so\n";
const SU: &str = "auth       sufficient pam_rootok.so\n# auth       required   pam_wheel.so\n\
    session    required   pam_limits.so\n@include common-auth\n";

fn debian(blobs: &mut MemoryBlobs) -> Tree<Open> {
    let mut tree = fixture(blobs);
    let service = "[Service]\nExecStart=/usr/sbin/x\nProtectSystem=full\n";
    for (directory, names) in [
        ("/usr/lib/systemd/system", SERVICES.as_slice()),
        ("/etc/systemd/system", OWN.as_slice()),
    ] {
        for name in names {
            let path = format!("{directory}/{name}.service");
            let own = OWN_SANDBOXES.iter().find(|(unit, _)| unit == name);
            let text = own.map_or_else(|| service.to_owned(), |(_, own)| format!("{service}{own}"));
            add(&mut tree, blobs, &[(&path, 0o644, 0, &text)]);
        }
    }
    // Something that starts.
    let wants = fixed("/etc/systemd/system/multi-user.target.wants");
    let origin = Origin::Package("test".to_owned());
    tree.make_dirs(&wants, &origin).unwrap();
    let link = Inode {
        stat: Stat::root(Mode::SYMLINK),
        kind: Kind::Symlink(b"/usr/lib/systemd/system/nginx.service".to_vec()),
        xattrs: Xattrs::new(),
        origin,
    };
    tree.insert(wants.join("nginx.service").unwrap(), link)
        .unwrap();
    let modules = "/usr/lib/x86_64-linux-gnu/security";
    for module in ["faillock", "pwhistory", "pwquality", "unix", "wheel"] {
        let path = format!("{modules}/pam_{module}.so");
        add(&mut tree, blobs, &[(&path, 0o644, 0, "")]);
    }
    add(
        &mut tree,
        blobs,
        &[
            ("/etc/pam.d/common-account", 0o644, 0, ACCOUNT),
            ("/etc/pam.d/common-auth", 0o644, 0, AUTH),
            ("/etc/pam.d/common-password", 0o644, 0, PASSWORD),
            ("/etc/pam.d/su", 0o644, 0, SU),
            ("/etc/gshadow", 0o640, 42, "root:*::\n"),
            ("/etc/security/faillock.conf", 0o644, 0, "# deny = 3\n"),
            (
                "/usr/lib/systemd/system/debug-shell.service",
                0o644,
                0,
                service,
            ),
            (
                "/usr/lib/systemd/system/ctrl-alt-del.target",
                0o644,
                0,
                "[Unit]\n",
            ),
        ],
    );
    let status = fixed("/var/lib/dpkg/status");
    let text = ["libpam-modules", "libpam-pwquality"]
        .map(|name| format!("Package: {name}\nStatus: install ok installed\nVersion: 1\n"));
    let content = blobs.add(text.join("\n").into_bytes());
    tree.get_mut(&status).unwrap().kind = Kind::Regular(content);
    tree
}

fn catalogue() -> std::sync::Arc<Catalogue> {
    let files = [("units.toml", UNITS), ("pam.toml", PAM)];
    Catalogue::of(&files.map(|(name, text)| (name.to_owned(), text.to_owned()))).unwrap()
}

#[test]
fn what_each_rule_for_units_and_passwords_sets_is_found_when_somebody_undoes_it() {
    let mut blobs = MemoryBlobs::new();
    let tree = debian(&mut blobs);
    undone(&catalogue(), tree, &blobs, true);
}

#[test]
fn each_of_them_fails_before_and_holds_after() {
    let mut blobs = MemoryBlobs::new();
    let tree = debian(&mut blobs);
    let selection = selection(catalogue());
    let view = TreeView::new(&tree, &blobs);
    let before = check(&super::Root::new(&view, None), &selection).unwrap();
    for result in &before.results {
        assert_eq!(result.outcome, Outcome::Fail, "{}", result.id);
    }
    let mut new = MemoryBlobs::new();
    let hardened = apply(tree, &selection, &mut new, &blobs).unwrap();
    for result in &hardened.results.results {
        assert_eq!(
            (result.outcome, result.reasons.as_slice()),
            (Outcome::Pass, &[][..]),
            "{}",
            result.id
        );
    }
    let seen = Layered(&new, &blobs);
    let text = |path: &str| {
        let content = hardened.tree.content(&fixed(path)).unwrap();
        String::from_utf8(seen.read(&content).unwrap()).unwrap()
    };
    // As pam-auth-update(8) would have it: success jumps over the lines that follow.
    assert_eq!(
        text("/etc/pam.d/common-auth"),
        "# per-package modules (the \"Primary\" block)\n\
         auth\trequired\tpam_faillock.so preauth\n\
         auth\t[success=3 default=ignore]\tpam_unix.so\n\
         auth\t[default=die]\tpam_faillock.so authfail\n\
         auth\tsufficient\tpam_faillock.so authsucc\n\
         # here's the fallback if no module succeeds\nauth\trequisite\t\t\tpam_deny.so\n\
         auth\trequired\t\t\tpam_permit.so\n# end of pam-auth-update config\n"
    );
    assert!(
        text("/etc/pam.d/common-account")
            .contains("pam_permit.so\naccount\trequired\tpam_faillock.so\n")
    );
    assert!(text("/etc/group").contains("sugroup:x:999:\n"));
    let nginx = text("/etc/systemd/system/nginx.service.d/50-karat-sd-nginx.conf");
    assert!(nginx.starts_with("# Written by karat for the rule sd.nginx.\n[Service]\n"));
    assert!(nginx.contains("\nProtectSystem=strict\n"), "{nginx}");
}

#[test]
fn a_unit_that_is_not_there_is_said_not_to_be() {
    let mut blobs = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    let view = TreeView::new(&tree, &blobs);
    let results = check(&super::Root::new(&view, None), &selection(catalogue())).unwrap();
    let nginx = results.get("sd.nginx").unwrap();
    assert_eq!(nginx.outcome, Outcome::NotApplicable);
    assert_eq!(nginx.reasons, ["the image has no unit nginx.service"]);
}
