//! Runtime facts of a system that runs: a container of its own, whose first process is karat-agent.

use std::net::TcpListener;
use std::process::Command;

use karat::expect::Facts;
use karat::expect::fact::{
    Credentials, Firewall, Listen, Mount, PacketSockets, Preload, Startup, UnixSockets, ruleset,
};
use karat::tree::{Device, Kind};
use serde_json::{Value, json};

use super::facts::{origin, path, setting};
use super::*;
use crate::support::schema::published;
use crate::support::signed::Release;
use crate::support::{judge as outside, toolbox};

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
            peers: None,
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

/// Opens a packet socket and two Unix sockets that listen, and keeps them until its container ends.
const SOCKETS: &str = "cd \"$0/run\" && python3 -c 'if True:
    import os, signal, socket
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(\"\\0karat\\ntest\")
    abstract.listen()
    relative = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    relative.bind(\"here\")
    relative.listen()
    if os.fork() == 0:
        signal.pause()
'";

#[test]
fn what_opens_no_port_and_what_starts_by_itself() {
    if !is_root() {
        return skip("needs root for a container of its own");
    }
    let (Some(unshare), Some(_)) = (outside("unshare"), outside("python3")) else {
        return;
    };
    let facts = Facts {
        packet: Some(PacketSockets {
            allow: vec!["0800 dhcp".parse().unwrap()],
            origin: origin(),
        }),
        startup: Some(Startup {
            allow: Vec::new(),
            origin: origin(),
        }),
        unix: Some(UnixSockets {
            allow: Vec::new(),
            origin: origin(),
        }),
        ..Facts::default()
    };
    let image = |name: &str, passwd: &str| {
        let mut sample = Sample::new();
        sample.file(
            "/etc/passwd",
            0o644,
            passwd.as_bytes(),
            "script:base-passwd",
        );
        Container::with(name, facts.clone(), sample)
    };
    let verify = |container: &Container, prelude: &str| {
        let mut command = unshare.command();
        container.verify_after(prelude, command.arg("--net"), &[])
    };
    let good = image("facts-local", "root:x:0:0::/run/home:/bin/sh\n");
    let (code, report) = verify(&good, "true");
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["comparison"]["facts"]["held"], 3);

    // The home is where files may come and go: only the fact sees the key.
    let key = good.0.scratch.join("root/run/home/.ssh");
    fs::create_dir_all(&key).unwrap();
    fs::write(key.join("authorized_keys"), "ssh-ed25519 x").unwrap();
    let (code, report) = verify(&good, SOCKETS);
    assert_eq!(code, 10, "{report:#}");
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    let seen: Vec<(&str, &str)> = drifts
        .iter()
        .map(|drift| {
            let text = |key: &str| drift[key].as_str().unwrap();
            (text("path"), text("observed"))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("/run/home/.ssh/authorized_keys", "not of the image"),
            ("/proc/net/packet", "protocol 0800, opened by root"),
            ("/proc/net/unix", "@karat\\ntest"),
            ("/proc/net/unix", "here"),
        ]
    );

    // The account that may is the one of that name.
    let other = image("facts-owner", "dhcp:x:0:0::/run/home:/bin/sh\n");
    let (_, report) = verify(&other, SOCKETS);
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    assert!(
        drifts
            .iter()
            .all(|drift| drift["path"] != "/proc/net/packet")
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
