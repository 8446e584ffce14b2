//! Runtime facts over recorded observations: each kind held, broken, not readable, not applicable.

use std::collections::BTreeMap;
use std::net::IpAddr;

use karat::appraise::fact::{
    Entry, Listening, MountPoint, Observations, PacketSocket, PasswordOf, Preloads, Scene, Seen,
    Variable, judge,
};
use karat::appraise::{Change, Owner};
use karat::expect::Facts;
use karat::expect::fact::{
    Accounts, CmdlineWord, Credentials, Firewall, Kernel, Listen, Lockdown, Modules, Mount,
    PacketSockets, Preload, Protocol, Startup, Sysctl, Units, UnixSockets, WordRule,
};
use karat::path::ImagePath;
use karat::tree::{Kind, Origin};

use super::*;

pub(super) fn origin() -> Origin {
    "template:verify".parse().unwrap()
}

pub(super) fn path(text: &str) -> ImagePath {
    ImagePath::parse(text).unwrap()
}

pub(super) fn setting(name: &str, value: &str) -> Sysctl {
    Sysctl {
        name: name.parse().unwrap(),
        origin: "template:kernel".parse().unwrap(),
        value: value.to_owned(),
    }
}

fn word(rule: WordRule, word: &str) -> CmdlineWord {
    CmdlineWord {
        origin: origin(),
        rule,
        word: word.parse().unwrap(),
    }
}

/// One of each kind; [`quiet`] breaks none of them.
fn all() -> Facts {
    Facts {
        accounts: Some(Accounts {
            origin: origin(),
            password: Some(vec!["admin".parse().unwrap()]),
            root: Some(vec!["root".parse().unwrap()]),
        }),
        cmdline: vec![
            word(WordRule::Present, "quiet"),
            word(WordRule::Absent, "init"),
        ],
        credentials: Some(Credentials {
            allow: vec!["vmm.notify_socket".parse().unwrap()],
            origin: origin(),
        }),
        firewall: Some(Firewall {
            origin: origin(),
            peers: None,
            rules: vec!["table".to_owned(), "rule 1".to_owned(), "rule 2".to_owned()],
        }),
        kernel: Some(Kernel {
            lockdown: Some(Lockdown::Integrity),
            origin: origin(),
            taint: Some(1 << 12),
        }),
        listen: Some(Listen {
            allow: vec!["tcp *:22".parse().unwrap()],
            origin: origin(),
        }),
        modules: Some(Modules {
            allow: vec!["vendor".parse().unwrap()],
            deny: vec!["usb_storage".parse().unwrap()],
            origin: origin(),
        }),
        mounts: vec![Mount {
            fstype: Some("tmpfs".parse().unwrap()),
            options: vec!["nodev".parse().unwrap()],
            origin: origin(),
            point: path("/tmp"),
        }],
        packet: Some(PacketSockets {
            allow: vec!["88cc systemd-network".parse().unwrap()],
            origin: origin(),
        }),
        preload: Some(Preload { origin: origin() }),
        startup: Some(Startup {
            allow: vec![Glob::parse("/home/*/.ssh/authorized_keys").unwrap()],
            origin: origin(),
        }),
        sysctl: vec![
            setting("net.ipv4.ip_forward", "0"),
            setting("net.ipv4.ip_local_port_range", "32768 60999"),
        ],
        units: Some(Units {
            allow: vec![Glob::parse("/run/systemd/generator/**").unwrap()],
            origin: origin(),
        }),
        unix: Some(UnixSockets {
            allow: vec!["@vendor".parse().unwrap()],
            origin: origin(),
        }),
    }
    .sorted()
    .unwrap()
}

/// The stated facts, each counted once: both words, both settings, taint and lockdown.
const FACTS: u64 = 17;

fn mounted(point: &str, fstype: &str, options: &[&str]) -> MountPoint {
    MountPoint {
        point: path(point),
        fstype: fstype.into(),
        options: options.iter().map(|option| (*option).into()).collect(),
    }
}

fn socket(protocol: Protocol, address: &str, port: u16) -> Listening {
    Listening {
        protocol,
        address: address.parse::<IpAddr>().unwrap(),
        port,
        uid: 0,
    }
}

fn entry(at: &str, name: &str) -> Entry {
    Entry {
        path: path(at),
        name: name.into(),
    }
}

fn packet(protocol: u16, user: &str) -> PacketSocket {
    PacketSocket {
        protocol,
        user: user.into(),
    }
}

fn names(names: &[&str]) -> Seen<Vec<Vec<u8>>> {
    Seen::Value(names.iter().map(|name| (*name).into()).collect())
}

fn rules(rules: &[&str]) -> Seen<Vec<String>> {
    Seen::Value(rules.iter().map(|rule| (*rule).to_owned()).collect())
}

/// A machine as it should be.
fn quiet() -> Observations {
    let text = |text: &str| Seen::Value(text.to_owned());
    Observations {
        accounts_root: Seen::Value(vec![b"root".to_vec()]),
        accounts_password: Seen::Value(vec![PasswordOf {
            name: b"admin".to_vec(),
            is_empty: false,
        }]),
        cmdline: Seen::Value(vec![b"quiet".to_vec(), b"root=/dev/vda".to_vec()]),
        credentials: Seen::Value(vec![entry(
            "/run/credentials/@system/x",
            "vmm.notify_socket",
        )]),
        firewall: Some(rules(&["table", "rule 1", "rule 2"])),
        lockdown: Seen::Value(Lockdown::Confidentiality),
        modules: Seen::Value(vec!["vendor".to_owned(), "virtio_net".to_owned()]),
        mounts: Seen::Value(vec![
            mounted("/", "ext4", &["rw"]),
            mounted("/proc", "proc", &["rw"]),
            mounted("/tmp", "tmpfs", &["rw", "nodev", "nosuid"]),
        ]),
        packet: Seen::Value(vec![packet(0x88cc, "systemd-network")]),
        peers: Vec::new(),
        preload: Preloads {
            file: Seen::Absent,
            variables: Seen::Value(Vec::new()),
        },
        release: text("6.12.1-amd64"),
        sockets: BTreeMap::from([
            (
                "/proc/net/tcp",
                Seen::Value(vec![socket(Protocol::Tcp, "0.0.0.0", 22)]),
            ),
            ("/proc/net/udplite", Seen::Absent),
        ]),
        startup: Seen::Value(vec![
            entry("/home/a/.ssh/authorized_keys", ""),
            entry("/usr/bin/ping", ""),
        ]),
        sysctl: BTreeMap::from([
            ("net.ipv4.ip_forward".parse().unwrap(), text("0")),
            (
                "net.ipv4.ip_local_port_range".parse().unwrap(),
                text("32768\t60999"),
            ),
        ]),
        taint: Seen::Value(1 << 12),
        units: Seen::Value(vec![
            entry("/run/systemd/generator/-.mount", ""),
            entry("/usr/bin/ping", ""),
        ]),
        unix: names(&["/run/dbus/system_bus_socket", "/usr/bin/ping", "@vendor"]),
        userdb: Seen::Absent,
    }
}

/// An image with a kernel, or without.
fn manifest(has_kernel: bool) -> Manifest {
    let mut sample = Sample::new();
    if has_kernel {
        for directory in ["", "/6.12.1-amd64", "/6.12.1-amd64/kernel"] {
            let at = format!("/usr/lib/modules{directory}");
            sample.add(at, 0o755, Kind::Directory, "package:linux-image");
        }
        let at = "/usr/lib/modules/6.12.1-amd64/kernel/virtio-net.ko.xz";
        sample.file(at, 0o644, b"module", "package:linux-image");
    }
    Manifest::of(&sample.sealed())
}

/// These facts, and paths in `/run` that come and go.
fn expectations(facts: &Facts) -> Expectations {
    let mutable = vec![mutable("/run/**", Class::Volatile)];
    let expectations = Expectations::new(mutable).unwrap();
    expectations.with_facts(facts.clone()).unwrap()
}

fn judged(manifest: &Manifest, expected: &Facts, scene: &Scene) -> Report {
    let evidence = Evidence::of_manifest(manifest);
    let report = appraise(manifest, &Expectations::default(), &evidence);
    judge(report, &expectations(expected), manifest, scene)
}

fn report(has_kernel: bool, tamper: impl FnOnce(&mut Observations)) -> Report {
    let mut seen = quiet();
    tamper(&mut seen);
    // The two files of the image itself are not part of this evidence.
    let mut report = judged(
        &manifest(has_kernel),
        &all(),
        &Scene::Running(Box::new(seen)),
    );
    report
        .drifts
        .retain(|drift| matches!(drift.change, Change::Fact { .. }));
    report
}

/// The only drift that a change of the machine brings, as `PATH NAME: EXPECTED -> OBSERVED`.
fn drift(tamper: impl FnOnce(&mut Observations)) -> String {
    let report = report(true, tamper);
    let [drift] = report.drifts.as_slice() else {
        panic!("{:?}", report.drifts);
    };
    assert_eq!((report.facts.held, report.facts.drifted), (FACTS - 1, 1));
    assert!(matches!(drift.owner, Owner::Stated(_)));
    assert_eq!(drift.effects.len(), 1);
    format!("{} {}", drift.path, drift.change)
}

#[test]
fn a_machine_as_it_should_be_matches() {
    let report = report(true, |_| {});
    assert_eq!(report.drifts, []);
    assert_eq!(report.facts.held, FACTS);
    assert_eq!(report.facts.not_applicable, BTreeMap::new());
    assert_eq!(report.verdict(), Verdict::Match);
}

#[test]
fn each_fact_that_does_not_hold_is_drift() {
    let value = |text: &str| Seen::Value(text.to_owned());
    assert_eq!(
        drift(|seen| {
            let name = "net.ipv4.ip_forward".parse().unwrap();
            seen.sysctl.insert(name, value("1\x1b"));
        }),
        "/proc/sys/net/ipv4/ip_forward sysctl net.ipv4.ip_forward: 0 -> 1\\x1b"
    );
    assert_eq!(
        drift(|seen| seen.cmdline = Seen::Value(vec![b"quietly".to_vec()])),
        "/proc/cmdline cmdline quiet: quiet -> none"
    );
    assert_eq!(
        drift(|seen| {
            seen.cmdline = Seen::Value(vec![b"quiet".to_vec(), b"init=/bin/sh".to_vec()]);
        }),
        "/proc/cmdline cmdline init: init=/bin/sh"
    );
    let modules = |names: &[&str]| Seen::Value(names.iter().map(|it| (*it).to_owned()).collect());
    assert_eq!(
        drift(|seen| seen.modules = modules(&["diamorphine", "virtio_net"])),
        "/proc/modules module diamorphine: loaded, and not a file of the image"
    );
    assert_eq!(
        drift(|seen| seen.modules = modules(&["usb_storage"])),
        "/proc/modules module usb_storage: loaded, and denied"
    );
    assert_eq!(
        drift(|seen| seen.taint = Seen::Value(1 << 12 | 1 << 13)),
        "/proc/sys/kernel/tainted taint: no bits but those of 4096 -> 12288 (unsigned module)"
    );
    assert_eq!(
        drift(|seen| seen.lockdown = Seen::Value(Lockdown::None)),
        "/sys/kernel/security/lockdown lockdown: integrity -> none"
    );
    assert_eq!(
        drift(|seen| {
            let sockets = vec![socket(Protocol::Tcp, "::", 4444)];
            seen.sockets.insert("/proc/net/tcp6", Seen::Value(sockets));
        }),
        "/proc/net/tcp6 listen tcp: [::]:4444, opened by user 0"
    );
    assert_eq!(
        drift(|seen| seen.accounts_root = Seen::Value(vec![b"root".to_vec(), b"to\xff".to_vec()])),
        "/etc/passwd account: to\\xff has the number 0"
    );
    let password = |name: &[u8], is_empty| {
        let name = name.to_vec();
        Seen::Value(vec![PasswordOf { name, is_empty }])
    };
    assert_eq!(
        drift(|seen| seen.accounts_password = password(b"root", false)),
        "/etc/shadow account: root: has a password"
    );
    assert_eq!(
        drift(|seen| seen.accounts_password = password(b"guest", true)),
        "/etc/shadow account: guest: the empty password opens it"
    );
    assert_eq!(
        drift(|seen| seen.userdb = Seen::Value(vec![entry("/run/userdb/evil.user", "evil.user")])),
        "/run/userdb/evil.user account: a record that is not of the image"
    );
    assert_eq!(
        drift(|seen| seen.preload.file = Seen::Value(())),
        "/etc/ld.so.preload preload: there is one"
    );
    assert_eq!(
        drift(|seen| {
            seen.preload.variables = Seen::Value(vec![Variable {
                name: b"LD_PRELOAD".to_vec(),
                value: b"/tmp/x.so\n".to_vec(),
            }]);
        }),
        "/proc/1/environ preload: LD_PRELOAD=/tmp/x.so\\n"
    );
    assert_eq!(
        drift(|seen| {
            let at = "/sys/firmware/dmi/entries/11-0";
            seen.credentials = Seen::Value(vec![entry(at, "passwd.plaintext-password.root")]);
        }),
        "/sys/firmware/dmi/entries/11-0 credential: passwd.plaintext-password.root"
    );
    assert_eq!(
        drift(|seen| seen.firewall = Some(rules(&["table", "rule 1", "rule 2", "x\u{9b}", "y"]))),
        "/usr/sbin/nft firewall: x\\xc2\\x9b and 1 more"
    );
    assert_eq!(
        drift(|seen| seen.firewall = Some(rules(&["table", "rule 2"]))),
        "/usr/sbin/nft firewall: rule 1 -> none"
    );
    assert_eq!(
        drift(|seen| seen.firewall = Some(rules(&["table", "rule 2", "rule 1"]))),
        "/usr/sbin/nft firewall: the same rules in another order, or as often -> none"
    );
    assert_eq!(
        drift(|seen| {
            seen.units = Seen::Value(vec![entry("/run/systemd/system/backdoor.service", "")]);
        }),
        "/run/systemd/system/backdoor.service unit: not of the image"
    );
    for (at, effect) in [
        ("/var/lib/app/.ssh/authorized_keys", Effect::RemoteLogin),
        ("/var/spool/cron/crontabs/root", Effect::Service),
    ] {
        let seen = |seen: &mut Observations| seen.startup = Seen::Value(vec![entry(at, "")]);
        assert_eq!(drift(seen), format!("{at} startup: not of the image"));
        assert_eq!(report(true, seen).drifts[0].effects, [effect]);
    }
    for (protocol, user) in [(0x0800, "systemd-network"), (0x88cc, "ro\x1bot")] {
        assert_eq!(
            drift(|seen| seen.packet = Seen::Value(vec![packet(protocol, user)])),
            format!(
                "/proc/net/packet packet: protocol {protocol:04x}, opened by {}",
                user.replace('\x1b', "\\x1b")
            )
        );
    }
    // Abstract, bound to a strict path, to none that could be found, and to nothing.
    for (name, shown) in [
        ("@vendor2", "@vendor2"),
        ("/usr/bin/x\n", "/usr/bin/x\\n"),
        ("run/x", "run/x"),
        ("/run/../usr/x", "/run/../usr/x"),
        ("", ""),
    ] {
        assert_eq!(
            drift(|seen| seen.unix = names(&[name])),
            format!("/proc/net/unix unix: {shown}")
        );
    }
}

#[test]
fn of_mounts_on_one_point_the_last_counts() {
    let mounts = |more: MountPoint| {
        drift(|seen| {
            let Seen::Value(mounts) = &mut seen.mounts else {
                unreachable!()
            };
            mounts.push(more);
        })
    };
    assert_eq!(
        mounts(mounted("/tmp", "tmpfs", &["rw", "nosuid"])),
        "/proc/self/mountinfo mount /tmp: mounted: tmpfs nodev -> tmpfs rw nosuid"
    );
    assert_eq!(
        mounts(mounted("/tmp", "ext4", &["rw", "nodev"])),
        "/proc/self/mountinfo mount /tmp: mounted: tmpfs nodev -> ext4 rw nodev"
    );
    assert_eq!(
        drift(|seen| seen.mounts = Seen::Value(Vec::new())),
        "/proc/self/mountinfo mount /tmp: mounted: tmpfs nodev -> not mounted"
    );
}

/// The image has kernels, and another one runs.
#[test]
fn a_kernel_from_elsewhere() {
    let text = drift(|seen| seen.release = Seen::Value("6.12.1-evil".to_owned()));
    assert_eq!(
        text,
        "/proc/sys/kernel/osrelease kernel release: a kernel of the image -> 6.12.1-evil"
    );
}

/// An image without a kernel runs under one that the platform brings.
#[test]
fn under_a_platforms_kernel() {
    let report = report(false, |seen| {
        seen.cmdline = Seen::Value(vec![b"init=/sbin/init".to_vec()]);
        seen.modules = Seen::Value(vec!["anything".to_owned()]);
        let name = "net.ipv4.ip_forward".parse().unwrap();
        seen.sysctl.insert(name, Seen::Value("1".to_owned()));
        let Seen::Value(mounts) = &mut seen.mounts else {
            unreachable!()
        };
        mounts.push(mounted("/proc/sys", "proc", &["ro"]));
    });
    assert_eq!(report.drifts, []);
    let names: Vec<&str> = report
        .facts
        .not_applicable
        .values()
        .flatten()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names,
        [
            "sysctl net.ipv4.ip_forward",
            "cmdline init",
            "cmdline quiet",
            "modules"
        ]
    );
    // Where it may be written, the instance is the one that should have set it; a module that is
    // denied is so under any kernel.
    let report = self::report(false, |seen| {
        seen.modules = Seen::Value(vec!["usb_storage".to_owned()]);
        let name = "net.ipv4.ip_forward".parse().unwrap();
        seen.sysctl.insert(name, Seen::Value("1".to_owned()));
    });
    assert_eq!(report.facts.drifted, 2);
    // With the image's own kernel a read-only mount is no excuse.
    let text = drift(|seen| {
        let name = "net.ipv4.ip_forward".parse().unwrap();
        seen.sysctl.insert(name, Seen::Value("1".to_owned()));
        let Seen::Value(mounts) = &mut seen.mounts else {
            unreachable!()
        };
        mounts.push(mounted("/proc/sys", "proc", &["ro"]));
    });
    assert!(text.starts_with("/proc/sys/net/ipv4/ip_forward"), "{text}");
}

#[test]
fn what_cannot_be_read_is_not_checked_and_what_is_not_there_does_not_apply() {
    fn refused<T>() -> Seen<T> {
        Seen::Unreadable("Permission denied".to_owned())
    }
    let blind = report(true, |seen| {
        seen.accounts_root = refused();
        seen.accounts_password = refused();
        seen.userdb = refused();
        seen.cmdline = refused();
        seen.credentials = refused();
        seen.firewall = None;
        seen.lockdown = refused();
        seen.modules = refused();
        seen.mounts = refused();
        seen.preload.file = refused();
        seen.preload.variables = refused();
        seen.sockets.insert("/proc/net/tcp", refused());
        seen.taint = refused();
        seen.units = refused();
        seen.packet = refused();
        seen.startup = refused();
        seen.unix = refused();
        // Not asked for: nothing is known of it.
        seen.sysctl.clear();
    });
    assert_eq!((blind.facts.held, blind.facts.drifted), (0, 0));
    // The accounts look at three places, preloading at two.
    assert_eq!(blind.facts.not_checked, FACTS + 3);
    assert_eq!(blind.not_checked.len(), 20);
    assert_eq!(blind.verdict(), Verdict::Incomplete);
    let first = &blind.not_checked[0];
    assert_eq!(
        format!("{}: {}", first.path, first.reason),
        "/etc/ld.so.preload: preload was not observed: Permission denied"
    );

    let bare = report(true, |seen| {
        seen.accounts_root = Seen::Absent;
        seen.accounts_password = Seen::Absent;
        seen.cmdline = Seen::Absent;
        seen.credentials = Seen::Absent;
        seen.firewall = Some(Seen::Absent);
        seen.lockdown = Seen::Absent;
        seen.modules = Seen::Absent;
        seen.mounts = Seen::Absent;
        seen.preload.variables = Seen::Absent;
        seen.sockets.insert("/proc/net/tcp", Seen::Absent);
        seen.taint = Seen::Absent;
        seen.units = Seen::Absent;
        seen.packet = Seen::Absent;
        seen.startup = Seen::Absent;
        seen.unix = Seen::Absent;
        for value in seen.sysctl.values_mut() {
            *value = Seen::Absent;
        }
    });
    let count: usize = bare.facts.not_applicable.values().map(Vec::len).sum();
    // No file and no variables, no accounts: those facts hold.
    assert_eq!((bare.facts.held, count), (2, 15));
    assert_eq!(bare.verdict(), Verdict::Match);
    // A socket table that cannot be read does not hide what another one shows.
    let half = report(true, |seen| {
        seen.sockets.insert("/proc/net/tcp", refused());
        let sockets = vec![socket(Protocol::Udp, "0.0.0.0", 4444)];
        seen.sockets.insert("/proc/net/udp", Seen::Value(sockets));
    });
    assert_eq!((half.facts.drifted, half.facts.not_checked), (1, 1));
    assert_eq!(half.verdicts(), [Verdict::Drift, Verdict::Incomplete]);
}

#[test]
fn facts_of_a_snapshot_do_not_apply() {
    let report = judged(&manifest(true), &all(), &Scene::Snapshot);
    assert_eq!(report.facts.held, 0);
    let [(reason, names)] = &report.facts.not_applicable.iter().collect::<Vec<_>>()[..] else {
        panic!("{:?}", report.facts);
    };
    assert_eq!(*reason, "not the running system");
    assert_eq!(names.len(), usize::try_from(FACTS).unwrap());
}

/// A unit that the comparison of paths has said already is not said twice.
#[test]
fn one_unit_is_one_drift() {
    let manifest = manifest(true);
    let mut evidence = Evidence::of_manifest(&manifest);
    let mut unit = evidence.entries[0].clone();
    unit.path = path("/usr/lib/zz.service");
    let at = evidence
        .entries
        .partition_point(|seen| seen.path < unit.path);
    evidence.entries.insert(at, unit);
    let report = appraise(&manifest, &Expectations::default(), &evidence);
    let mut seen = quiet();
    seen.units = Seen::Value(vec![entry("/usr/lib/zz.service", "")]);
    let before = report.drifts.len();
    let report = judge(
        report,
        &expectations(&all()),
        &manifest,
        &Scene::Running(Box::new(seen)),
    );
    assert_eq!(report.drifts.len(), before);
    assert_eq!((report.facts.held, report.facts.drifted), (FACTS - 1, 0));
}
