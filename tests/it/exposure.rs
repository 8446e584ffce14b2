//! How exposed services are: systemd's own measure of the same units is the judge, and karat says the
//! same figure for each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::schema::published;
use crate::support::{Judge, Scratch, judge};

const DIRECTORY: &str = "root/usr/lib/systemd/system";

/// Each directive that is weighed, with values that are weighed differently, and some that count for
/// nothing. `|` stands between lines.
const LINES: &str = r#"
User=nobody / User=root / User=0 / User=www-data / User=www-data|User= / DynamicUser=yes
DynamicUser=yes|User=root / DynamicUser=yes|ProtectHome=tmpfs|ProtectSystem=no|PrivateTmp=no
SupplementaryGroups=adm / User=www-data|SupplementaryGroups=adm / User=www-data|SupplementaryGroups=adm|SupplementaryGroups=
PrivateDevices=yes / PrivateDevices=TRUE / PrivateDevices=on|PrivateDevices=perhaps / PrivateDevices=yes|PrivateDevices=
PrivateMounts=yes / PrivateMounts=no / PrivateMounts= / PrivateNetwork=yes / PrivateNetwork=1
PrivateTmp=yes / PrivateTmp=disconnected / PrivateTmp=connected / PrivateUsers=yes / PrivateUsers=self / PrivateUsers=identity
ProtectControlGroups=yes / ProtectControlGroups=private / ProtectControlGroups=strict
ProtectKernelModules=yes / ProtectKernelTunables=yes / ProtectKernelLogs=yes / ProtectClock=yes / ProtectHostname=yes
ProtectHome=yes / ProtectHome=read-only / ProtectHome=tmpfs / ProtectHome=yes|ProtectHome=x / ProtectHome=yes|ProtectHome=
ProtectSystem=yes / ProtectSystem=full / ProtectSystem=strict / ProtectSystem=strict|ProtectSystem=no
RootDirectory=/srv / RootDirectory=/ / RootDirectory=/srv|RootDirectory=
LockPersonality=yes / MemoryDenyWriteExecute=yes / NoNewPrivileges=yes / RestrictRealtime=yes / RestrictSUIDSGID=yes
CapabilityBoundingSet= / CapabilityBoundingSet=~ / CapabilityBoundingSet=CAP_KILL / CapabilityBoundingSet=cap_kill CAP_BPF
CapabilityBoundingSet=~CAP_SYS_ADMIN / CapabilityBoundingSet=CAP_KILL|CapabilityBoundingSet=CAP_SYS_ADMIN
CapabilityBoundingSet=CAP_KILL CAP_CHOWN|CapabilityBoundingSet=~CAP_KILL / CapabilityBoundingSet=CAP_NOTHING
CapabilityBoundingSet=~CAP_NOTHING / CapabilityBoundingSet=5 21 / CapabilityBoundingSet="CAP_KILL" 'CAP_BPF'
CapabilityBoundingSet=CAP_SYS_TIME CAP_WAKE_ALARM|ProtectClock=yes / CapabilityBoundingSet=CAP_MKNOD|PrivateDevices=yes
UMask=0000 / UMask=0002 / UMask=0026 / UMask=0027 / UMask=0077 / UMask=77 / UMask=0088 / UMask=0077|UMask= / UMask=07777
KeyringMode=inherit / KeyringMode=shared / KeyringMode=private / KeyringMode=shared|KeyringMode=x
ProtectProc=noaccess / ProtectProc=invisible / ProtectProc=ptraceable / ProtectProc=default / ProcSubset=pid / ProcSubset=all
NotifyAccess=all / NotifyAccess=main / RemoveIPC=yes / User=www-data|RemoveIPC=yes / User=www-data|RemoveIPC=no
Delegate=yes / Delegate=no / Delegate= / Delegate=cpu memory / Delegate=yes|Delegate=no
RestrictNamespaces=yes / RestrictNamespaces=no / RestrictNamespaces=user mnt / RestrictNamespaces=~user mnt
RestrictNamespaces=user|RestrictNamespaces=mnt / RestrictNamespaces=user mnt|RestrictNamespaces=~user
RestrictNamespaces=yes|RestrictNamespaces= / RestrictNamespaces=user nothing / RestrictNamespaces=yes|RestrictNamespaces=net uts
RestrictAddressFamilies=none / RestrictAddressFamilies=AF_UNIX / RestrictAddressFamilies=AF_INET6 AF_NETLINK
RestrictAddressFamilies=~AF_INET AF_INET6 / RestrictAddressFamilies=~AF_PACKET AF_VSOCK / RestrictAddressFamilies=AF_NOBODY
RestrictAddressFamilies=AF_UNIX AF_INET|RestrictAddressFamilies=~AF_INET / RestrictAddressFamilies=AF_UNIX|RestrictAddressFamilies=
RestrictAddressFamilies=none|RestrictAddressFamilies=AF_UNIX / RestrictAddressFamilies=AF_LOCAL / RestrictAddressFamilies=AF_ALG AF_KEY
SystemCallArchitectures=native / SystemCallArchitectures=native x86 / SystemCallArchitectures=x86-64 / SystemCallArchitectures=x
SystemCallArchitectures=native|SystemCallArchitectures= / SystemCallArchitectures=native native
SystemCallFilter=@system-service / SystemCallFilter=~@swap / SystemCallFilter=~swapon / SystemCallFilter=~swapon swapoff
SystemCallFilter=@system-service|SystemCallFilter=~@privileged @resources / SystemCallFilter=@system-service|SystemCallFilter=
SystemCallFilter=@system-service|SystemCallFilter=@clock / SystemCallFilter=~@clock @debug|SystemCallFilter=@clock
SystemCallFilter=~@clock:EPERM / SystemCallFilter=@basic-io:EPERM / SystemCallFilter=@known / SystemCallFilter=@known|SystemCallFilter=~@mount
SystemCallFilter=~@raw-io @reboot @module @mount @obsolete @cpu-emulation @debug / SystemCallFilter=@nothing / SystemCallFilter=~@nothing
SystemCallFilter=~nothing / SystemCallFilter=read write / SystemCallFilter=~@aio / SystemCallFilter=@file-system @network-io @setuid @chown
SystemCallFilter=@default|SystemCallFilter=reboot:EPERM / SystemCallFilter=@known|SystemCallFilter=~reboot:EPERM kexec_load kexec_file_load
IPAddressDeny=any / IPAddressDeny=0.0.0.0/0 / IPAddressDeny=0.0.0.0/0 ::/0 / IPAddressDeny=any|IPAddressDeny= / IPAddressDeny=10.0.0.0/8
IPAddressDeny=any|IPAddressAllow=localhost / IPAddressDeny=any|IPAddressAllow=127.0.0.1 ::1 / IPAddressDeny=any|IPAddressAllow=10.0.0.1
IPAddressDeny=any|IPAddressAllow=localhost link-local / IPAddressDeny=any|IPAddressAllow=127.0.0.0/8 any / IPAddressDeny=any|IPAddressAllow=x
IPAddressDeny=any|IPAddressAllow=multicast|IPAddressAllow= / IPAddressDeny=any|IPAddressAllow=127.0.0.0/4
IPIngressFilterPath=/sys/fs/bpf/x / IPEgressFilterPath=/sys/fs/bpf/x|IPEgressFilterPath=
DevicePolicy=closed / DevicePolicy=strict / DevicePolicy=auto / DevicePolicy=auto|PrivateDevices=yes / DeviceAllow=/dev/null
DevicePolicy=closed|DeviceAllow=/dev/null rw / DevicePolicy=closed|DeviceAllow=char-rtc r / DevicePolicy=closed|DeviceAllow=/dev/null x
DevicePolicy=closed|DeviceAllow=/dev/null|DeviceAllow= / DevicePolicy=closed|DeviceAllow=/etc/passwd / PrivateDevices=yes|ProtectClock=yes
DevicePolicy=closed|LoadCredentialEncrypted=a:/b / DevicePolicy=closed|RootImage=/x.raw / DevicePolicy=closed|MountImages=/x.raw:/x
AmbientCapabilities=CAP_KILL / AmbientCapabilities= / AmbientCapabilities=CAP_KILL|AmbientCapabilities=~CAP_KILL
"#;

fn units() -> Vec<String> {
    let lines = LINES.lines().flat_map(|line| line.split(" / "));
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.replace('|', "\n")).collect()
}

/// A root with one unit for each line, once alone and once among others.
fn synthetic(desk: &Scratch) {
    let directory = desk.join(DIRECTORY);
    fs::create_dir_all(&directory).unwrap();
    let all = units();
    for (number, text) in all.iter().enumerate() {
        let file = directory.join(format!("alone{number:03}.service"));
        fs::write(file, format!("[Service]\nExecStart=/bin/true\n{text}\n")).unwrap();
        // Every seventh of the others with it, and without the file systems that come later.
        let others = all.iter().skip(number % 7).step_by(7);
        let mut both: String = others.map(|other| format!("{other}\n")).collect();
        both.push_str(text);
        let file = directory.join(format!("among{number:03}.service"));
        let early = if number % 2 == 0 { "no" } else { "yes" };
        let head = format!("[Unit]\nDefaultDependencies={early}\n[Service]\nExecStart=/bin/true\n");
        fs::write(file, format!("{head}{both}\n")).unwrap();
        if number % 3 != 0 {
            continue;
        }
        // As drop-ins, one of which is of all names that start so.
        let file = directory.join(format!("in{number:03}-x.service"));
        fs::write(file, "[Service]\nExecStart=/bin/true\nProtectSystem=full\n").unwrap();
        for (name, text) in [
            (format!("in{number:03}-x.service.d/20.conf"), text.as_str()),
            ("in-.service.d/10.conf".to_owned(), "NoNewPrivileges=yes"),
            ("service.d/05.conf".to_owned(), "UMask=0077"),
        ] {
            let file = directory.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("[Service]\n{text}\n")).unwrap();
        }
    }
    let etc = desk.join("root/etc/systemd/system");
    fs::create_dir_all(etc.join("second.service.d")).unwrap();
    std::os::unix::fs::symlink(
        "/usr/lib/systemd/system/alone000.service",
        etc.join("second.service"),
    )
    .unwrap();
    fs::write(
        etc.join("second.service.d/x.conf"),
        "[Service]\nPrivateNetwork=yes\n",
    )
    .unwrap();
}

/// Says that a root has the systemd that judges it.
fn with_release(desk: &Scratch, analyze: &Judge) {
    let output = analyze.command().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.split_whitespace().nth(1).unwrap();
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let status = desk.join("root/var/lib/dpkg");
    fs::create_dir_all(&status).unwrap();
    fs::write(
        status.join("status"),
        format!(
            "Package: systemd\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: {version}-1\n"
        ),
    )
    .unwrap();
}

/// What karat says of each service of a root.
pub(crate) fn figures(root: &Path, more: &[&str]) -> BTreeMap<String, Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(["--json", "-q", "harden", "exposure"])
        .arg(root)
        .args(more)
        .output()
        .unwrap();
    let document = published("harden-exposure").holds(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(document["exposure"]["unread"], serde_json::json!([]));
    let services = document["exposure"]["services"].as_array().unwrap();
    let pairs = services.iter().map(|service| {
        let unit = service["unit"].as_str().unwrap().to_owned();
        (unit, service.clone())
    });
    pairs.collect()
}

/// What systemd says of these services, by karat's names for them.
pub(crate) fn rated(mut command: Command, units: &[&str]) -> BTreeMap<String, String> {
    command.args(["security", "--offline=yes", "--no-pager"]);
    command.args(units).env("SYSTEMD_COLORS", "0");
    let Output { stdout, stderr, .. } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout);
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((_, rest)) = line.split_once("Overall exposure level for ") else {
            continue;
        };
        let (unit, level) = rest.split_once(": ").unwrap();
        let level = level.split(' ').next().unwrap().to_owned();
        found.insert(unit.to_owned(), level);
    }
    assert!(!found.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    // A template is rated as an instance that systemd makes up.
    let level = |unit: &str| {
        let Some((start, end)) = unit.split_once("@.") else {
            return found.get(unit).cloned();
        };
        let (start, end) = (format!("{start}@"), format!(".{end}"));
        let mut made_up = found.iter().filter(|(name, _)| {
            name.starts_with(&start) && name.ends_with(&end) && !units.contains(&name.as_str())
        });
        made_up.next().map(|(_, level)| level.clone())
    };
    let pairs = units.iter().map(|unit| ((*unit).to_owned(), level(unit)));
    pairs
        .filter_map(|(unit, level)| Some((unit, level?)))
        .collect()
}

/// Compares the two on a root; how many services they agree on.
pub(crate) fn agree(root: &Path, command: Command) -> usize {
    let ours = figures(root, &["--all"]);
    let units: Vec<&str> = ours.keys().map(String::as_str).collect();
    let theirs = rated(command, &units);
    let mut differ = Vec::new();
    for (unit, service) in &ours {
        let ours = service["exposure"].as_str();
        if theirs.get(unit).map(String::as_str) != ours {
            differ.push(format!("{unit}: {ours:?}, systemd {:?}", theirs.get(unit)));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    ours.len()
}

#[test]
fn each_directive_counts_as_systemd_counts_it() {
    let Some(analyze) = judge("systemd-analyze") else {
        return;
    };
    let desk = Scratch::new("exposure-directives");
    synthetic(&desk);
    with_release(&desk, &analyze);
    let root = desk.join("root");
    let mut command = analyze.command();
    command.arg(format!("--root={}", root.display()));
    assert!(agree(&root, command) > 2 * 150);
}

#[test]
fn units_of_this_machine_are_rated_as_systemd_rates_them() {
    let Some(analyze) = judge("systemd-analyze") else {
        return;
    };
    let desk = Scratch::new("exposure-machine");
    for directory in ["usr/lib/systemd", "etc/systemd"] {
        let place = desk.join("root").join(directory);
        fs::create_dir_all(&place).unwrap();
        let from = Path::new("/").join(directory).join("system");
        if from.is_dir() {
            let copied = Command::new("cp").arg("-a").arg(&from).arg(&place).status();
            assert!(copied.unwrap().success());
        }
    }
    with_release(&desk, &analyze);
    let root = desk.join("root");
    let mut command = analyze.command();
    command.arg(format!("--root={}", root.display()));
    assert!(agree(&root, command) > 20);
}

#[test]
fn a_ceiling_that_is_not_kept_is_named_with_what_would_help() {
    let desk = Scratch::new("exposure-ceiling");
    fs::create_dir_all(desk.join(DIRECTORY)).unwrap();
    fs::write(
        desk.join(DIRECTORY).join("a.service"),
        "[Service]\nExecStart=/a\n",
    )
    .unwrap();
    let template = |most: &str| {
        format!(
            "[image]\nname = \"x\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n\
             [segment]\nexposure = {{ \"a.service\" = {most} }}\n[harden]\nprofile = \"server-l1\"\n"
        )
    };
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_karat"))
            .current_dir(desk.path())
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    };
    fs::write(desk.join("x.toml"), template("3.0")).unwrap();
    let place = ["root", "--template", "x.toml"];
    let (code, text) = run(&[&["harden", "exposure"][..], &place[..]].concat());
    assert_eq!(code, 10, "{text}");
    let fault = "a.service is exposed 9.4, and may be at most 3.0; what would help most: CapabilityBoundingSet= (";
    assert!(text.contains(fault), "{text}");
    let check = [
        "-q",
        "--json",
        "harden",
        "check",
        "--root",
        "root",
        "--template",
        "x.toml",
    ];
    let (code, text) = run(&check);
    assert_eq!(code, 10);
    let document = published("harden-check").holds(&text);
    let fault_said = document["exposure"]["faults"][0].as_str().unwrap();
    assert!(fault_said.starts_with(fault), "{fault_said}");
    let service = &document["exposure"]["services"][0];
    assert_eq!(service["ceiling"]["from"], "[segment] exposure");
    assert_eq!(service["started_by"], Value::Null);

    fs::write(desk.join("x.toml"), template("9.4")).unwrap();
    let (code, text) = run(&[&["harden", "exposure"][..], &place[..]].concat());
    assert_eq!(code, 0, "{text}");
    let (code, _) = run(&["harden", "exposure", "x.toml"]);
    assert_eq!(code, 1);
}
