//! Runtime facts: each kind held and broken, and the running system of a container of its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpListener};
use std::process::Command;

use karat::appraise::fact::{
    Entry, Listening, MountPoint, Observations, PasswordOf, Preloads, Scene, Seen, Variable, judge,
};
use karat::appraise::{Change, Owner};
use karat::expect::Facts;
use karat::expect::fact::{
    Accounts, CmdlineWord, Credentials, Firewall, Kernel, Listen, Lockdown, Modules, Mount,
    Preload, Protocol, Sysctl, Units, WordRule, ruleset,
};
use karat::path::ImagePath;
use karat::tree::{Device, Kind, Origin};
use serde_json::{Value, json};

use super::*;
use crate::support::schema::published;
use crate::support::signed::Release;
use crate::support::{judge as outside, toolbox};

fn origin() -> Origin {
    "template:verify".parse().unwrap()
}

fn path(text: &str) -> ImagePath {
    ImagePath::parse(text).unwrap()
}

fn setting(name: &str, value: &str) -> Sysctl {
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
        preload: Some(Preload { origin: origin() }),
        sysctl: vec![
            setting("net.ipv4.ip_forward", "0"),
            setting("net.ipv4.ip_local_port_range", "32768 60999"),
        ],
        units: Some(Units {
            allow: vec![Glob::parse("/run/systemd/generator/**").unwrap()],
            origin: origin(),
        }),
    }
    .sorted()
    .unwrap()
}

/// The stated facts, each counted once: both words, both settings, taint and lockdown.
const FACTS: u64 = 14;

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

fn judged(manifest: &Manifest, expected: &Facts, scene: &Scene) -> Report {
    let evidence = Evidence::of_manifest(manifest);
    let report = appraise(manifest, &Expectations::default(), &evidence);
    judge(report, expected, manifest, scene)
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
        // Not asked for: nothing is known of it.
        seen.sysctl.clear();
    });
    assert_eq!((blind.facts.held, blind.facts.drifted), (0, 0));
    // The accounts look at three places, preloading at two.
    assert_eq!(blind.facts.not_checked, FACTS + 3);
    assert_eq!(blind.not_checked.len(), 17);
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
        for value in seen.sysctl.values_mut() {
            *value = Seen::Absent;
        }
    });
    let count: usize = bare.facts.not_applicable.values().map(Vec::len).sum();
    // No file and no variables, no accounts: those facts hold.
    assert_eq!((bare.facts.held, count), (2, 12));
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
    let report = judge(report, &all(), &manifest, &Scene::Running(Box::new(seen)));
    assert_eq!(report.drifts.len(), before);
    assert_eq!((report.facts.held, report.facts.drifted), (FACTS - 1, 0));
}

/// What a container of its own should show: its settings, mounts and sockets, and no preloading.
fn of_a_container(setting_value: &str, fstype: &str) -> Facts {
    Facts {
        credentials: Some(Credentials {
            allow: Vec::new(),
            origin: origin(),
        }),
        listen: Some(Listen {
            allow: Vec::new(),
            origin: origin(),
        }),
        mounts: vec![Mount {
            fstype: Some(fstype.parse().unwrap()),
            options: vec!["rw".parse().unwrap()],
            origin: origin(),
            point: path("/proc"),
        }],
        preload: Some(Preload { origin: origin() }),
        sysctl: vec![
            setting("kernel.karat_absent", "1"),
            setting("kernel.ostype", setting_value),
        ],
        ..Facts::default()
    }
}

/// A signed image, and karat-agent as the first process of a container whose root it is.
struct Container(Release);

impl Container {
    fn new(name: &str, facts: Facts) -> Self {
        Self::with(name, facts, Sample::new())
    }

    fn with(name: &str, facts: Facts, mut sample: Sample) -> Self {
        for directory in ["/proc", "/run"] {
            sample.add(directory, 0o755, Kind::Directory, "package:base-files");
        }
        let mutable = ["/proc/**", "/run/**"].map(|path| mutable(path, Class::Volatile));
        let expectations = Expectations::new(mutable.to_vec())
            .unwrap()
            .with_facts(facts)
            .unwrap();
        let release = Release::of(name, sample, expectations);
        let run = release.unpack().join("run");
        let agent = Path::new(env!("CARGO_BIN_EXE_karat-agent"));
        fs::copy(agent, run.join("karat-agent")).unwrap();
        for library in toolbox::libraries(agent) {
            let name = library.file_name().unwrap();
            fs::copy(&library, run.join(name)).unwrap();
            if name.to_string_lossy().starts_with("ld-") {
                fs::copy(&library, run.join("loader")).unwrap();
            }
        }
        for name in ["demo_1.dsse.json", "demo_1.mtree", "demo_1.expect.json"] {
            fs::copy(release.out(name), run.join(name)).unwrap();
        }
        fs::copy(release.trust_file(), run.join("trust.json")).unwrap();
        Self(release)
    }

    /// The exit code and the report.
    fn verify(&self, unshare: &mut Command, environment: &[(&str, &str)]) -> (i32, Value) {
        self.verify_after("true", unshare, environment)
    }

    /// The same, once `prelude` has run in the same namespaces.
    fn verify_after(
        &self,
        prelude: &str,
        unshare: &mut Command,
        environment: &[(&str, &str)],
    ) -> (i32, Value) {
        let script = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" /run/loader \
                      --library-path /run /run/karat-agent verify --root / --json \
                      --baseline /run/demo_1.dsse.json --trust /run/trust.json";
        let output = unshare
            .args([
                "--mount",
                "--pid",
                "--fork",
                "sh",
                "-ec",
                &format!("{prelude}\n{script}"),
            ])
            .arg(self.0.scratch.join("root"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.starts_with('{'),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let report = published("verify-report").holds(&text);
        (output.status.code().unwrap(), report)
    }
}

#[test]
fn the_running_system_of_a_container() {
    if !is_root() {
        return skip("needs root for a container of its own");
    }
    let Some(unshare) = outside("unshare") else {
        return;
    };
    let good = Container::new("facts-good", of_a_container("Linux", "proc"));
    let (code, report) = good.verify(unshare.command().arg("--net"), &[]);
    let facts = &report["comparison"]["facts"];
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(facts["held"], 5, "{facts}");
    assert_eq!(
        facts["not_applicable"],
        json!([{
            "reason": "this kernel has no such setting",
            "facts": ["sysctl kernel.karat_absent"],
        }])
    );

    // Another setting, another file system, a socket of this very test, and preloading.
    let bad = Container::new("facts-bad", of_a_container("Plan9", "tmpfs"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (code, report) = bad.verify(&mut unshare.command(), &[("LD_AUDIT", "/none.so")]);
    assert_eq!(code, 10, "{report:#}");
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    let has = |at: &str, attribute: &str, expected: Value, observed: &str| {
        drifts.iter().any(|drift| {
            drift["change"] == "fact"
                && drift["path"] == at
                && drift["attribute"] == attribute
                && drift["expected"] == expected
                && drift["observed"].as_str().unwrap().starts_with(observed)
        })
    };
    let none = Value::Null;
    for (at, attribute, expected, observed) in [
        (
            "/proc/sys/kernel/ostype",
            "sysctl kernel.ostype",
            json!("Plan9"),
            "Linux",
        ),
        (
            "/proc/self/mountinfo",
            "mount /proc",
            json!("mounted: tmpfs rw"),
            "proc rw",
        ),
        (
            "/proc/net/tcp",
            "listen tcp",
            none.clone(),
            &address.to_string(),
        ),
        ("/proc/1/environ", "preload", none, "LD_AUDIT=/none.so"),
    ] {
        assert!(has(at, attribute, expected, observed), "{at}: {report:#}");
    }

    // The same root from outside is a snapshot, for both programs.
    let root = [
        "--root",
        "root",
        "--baseline",
        "out/demo_1.dsse.json",
        "--json",
    ];
    for program in [
        env!("CARGO_BIN_EXE_karat"),
        env!("CARGO_BIN_EXE_karat-agent"),
    ] {
        let output = Command::new(program)
            .arg("verify")
            .args(root)
            .arg("--trust")
            .arg(bad.0.trust_file())
            .current_dir(bad.0.scratch.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report = published("verify-report").holds(&text);
        assert_eq!(output.status.code(), Some(0), "{text}");
        let facts = &report["comparison"]["facts"];
        assert_eq!(
            facts["not_applicable"][0]["reason"],
            "not the running system"
        );
        assert_eq!(
            facts["not_applicable"][0]["facts"]
                .as_array()
                .unwrap()
                .len(),
            6
        );
    }
}

/// The packet filter that a container has.
const RULES: &str = "nft add table inet karat
nft add chain inet karat input '{ type filter hook input priority 0; policy drop; }'
nft add rule inet karat input tcp dport '{ 22, 80 }' counter accept";

/// An image with `nft`, its loader and its libraries, of this machine.
fn with_nft(sample: &mut Sample) {
    let mut link = |at: &str, target: &str| {
        sample.add(at, 0o777, Kind::Symlink(target.into()), "package:libc6");
    };
    link("/lib", "usr/lib");
    link("/lib64", "usr/lib64");
    for directory in ["/dev", "/usr/lib/x", "/usr/lib64", "/usr/sbin"] {
        sample.add(directory, 0o755, Kind::Directory, "package:libc6");
    }
    // Where programs read nothing from and write their complaints to.
    let null = Device { major: 1, minor: 3 };
    sample.add("/dev/null", 0o666, Kind::CharDevice(null), "package:libc6");
    for library in toolbox::libraries(Path::new("/usr/sbin/nft")) {
        let name = library.file_name().unwrap().to_str().unwrap();
        let bytes = fs::read(&library).unwrap();
        sample.file(format!("/usr/lib/x/{name}"), 0o755, &bytes, "package:libc6");
        if name.starts_with("ld-") {
            let target = Kind::Symlink(format!("/usr/lib/x/{name}").into());
            sample.add(
                format!("/usr{}", library.display()),
                0o777,
                target,
                "package:libc6",
            );
        }
    }
    let bytes = fs::read("/usr/sbin/nft").unwrap();
    sample.file("/usr/sbin/nft", 0o755, &bytes, "package:nftables");
}

#[test]
fn the_packet_filter_by_the_images_own_program() {
    if !is_root() {
        return skip("needs root for a container of its own");
    }
    let (Some(unshare), Some(_)) = (outside("unshare"), outside("nft")) else {
        return;
    };
    let unshare = || {
        let mut command = unshare.command();
        command.arg("--net");
        command
    };
    let listing = unshare()
        .args(["sh", "-ec", &format!("{RULES}\nnft -j -n list ruleset")])
        .output()
        .unwrap();
    assert!(listing.status.success(), "{listing:?}");
    let rules = ruleset(&listing.stdout).unwrap();
    assert_eq!(rules.len(), 3);
    let facts = Facts {
        firewall: Some(Firewall {
            origin: origin(),
            rules,
        }),
        ..Facts::default()
    };
    let mut sample = Sample::new();
    with_nft(&mut sample);
    let container = Container::with("facts-nft", facts, sample);
    let root = container.0.scratch.join("root");
    let (code, report) = container.verify_after(RULES, &mut unshare(), &[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["comparison"]["facts"]["held"], 1);

    // The same table with one more rule.
    let more = format!("{RULES}\nnft add rule inet karat input tcp dport 4444 accept");
    let (code, report) = container.verify_after(&more, &mut unshare(), &[]);
    assert_eq!(code, 10, "{report:#}");
    let drift = &report["comparison"]["drifts"][0];
    assert_eq!(
        (&drift["attribute"], &drift["expected"]),
        (&json!("firewall"), &Value::Null)
    );
    assert!(
        drift["observed"].as_str().unwrap().contains("4444"),
        "{drift}"
    );
    // No table at all.
    let (code, _) = container.verify_after("true", &mut unshare(), &[]);
    assert_eq!(code, 10);

    // With one byte of a library changed nothing is run: the filter is not checked.
    let library = root.join("usr/lib/x/libmnl.so.0");
    let mut bytes = fs::read(&library).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&library, bytes).unwrap();
    let (code, report) = container.verify_after(RULES, &mut unshare(), &[]);
    assert_eq!(code, 10, "{report:#}");
    assert_eq!(report["verdicts"], json!(["drift", "incomplete"]));
    assert_eq!(
        report["comparison"]["not_checked"][0]["message"],
        "firewall was not observed: it was not run: /usr/lib/x/libmnl.so.0 is not as signed"
    );
}

/// What the agent shows to people has a line for each fact of the document.
#[test]
fn the_agent_shows_what_it_sees() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
            .arg("facts")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run(&[]);
    assert_eq!(code, 0);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let line = format!(
        "kernel release = {} (/proc/sys/kernel/osrelease)",
        release.trim()
    );
    assert_eq!(text.lines().next(), Some(line.as_str()));
    assert_eq!(run(&["--all"]).0, 2);
}
