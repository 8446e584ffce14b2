//! Hardened images stay usable: a machine under a profile, with all that the shipped templates run,
//! lets its administrator in, serves, keeps time and logs; and systemd rates its services.
//!
//! The machine asks itself, by a unit that the template adds, and says on its console what came of it.
//! The key of the login is on the disk alone, as somebody who delivers an image may put one there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::boot::{Instance, Judges, has, has_not};
use super::workshop::Workshop;
use crate::exposure;
use crate::support::{judge, skip};

/// The highest ceiling of a service that has a sandbox, and of its figure in tenths; what may be more
/// exposed is an exception by name, with its reason, in `templates/rules/units.toml`.
const SANDBOXED: u32 = 50;

/// How a machine asks itself.
const HOW: &str = r#"#!/bin/sh
say() { echo "question: $*" > /dev/console; }
ask() {
    name=$1
    shift
    if answer=$("$@" 2>&1); then say "$name holds"; else say "$name FAILS: $answer"; fi
}
session() {
    ssh -i /var/lib/karat/login -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR admin@127.0.0.1 "$@"
}
get() { python3 -c "import urllib.request as r; r.urlopen('$1', timeout=60)"; }
failed() { test -z "$(systemctl --failed --no-legend --plain)" || { systemctl --failed; false; }; }
refused() { ! "$@"; }
weak() { echo admin:short | chpasswd; }
is() { test "$(cat "/proc/sys/$1")" = "$2"; }
# Names what listens at a port of this machine answers with, whatever it says after that.
answers() {
    bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf %b "$1" >&3; read -r line <&3; test "${line#*"$2"}" != "$line"' "$@"
}
ask verified systemctl is-active karat-verify.service
ask blessed systemctl is-active karat-bless.service
ask login session true
ask sudo session sudo -n test 0 = 0
"#;
/// What they end with.
const END: &str = "ask failed failed\nsay all asked\n";

/// What the machine with all that the templates of Debian 13 run asks.
const QUESTIONS: &str = r"
ask session-verify session sudo -n /usr/lib/karat/karat-agent verify
ask again systemctl start karat-verify-again.service
ask web get http://127.0.0.1/
ask api get http://[::1]:8000/healthz
ask cluster systemctl start postgresql@17-main.service
ask database runuser -u postgres -- psql -XAtc 'select 1'
ask time systemctl is-active systemd-timesyncd.service
ask journal journalctl -b -q -n 1
ask audit test -s /var/log/audit/audit.log
ask filter nft list chain inet karat input
ask su refused runuser -u admin -- su root -c true
ask passwords refused weak
";
/// What a legacy machine of Debian 12 asks. Its procps has a file of its own about some settings; its systemd
/// was built without what holds services to their ports.
const OLD: &str = r#"
ask again systemctl start karat-verify-again.service
ask fifos is fs/protected_fifos 2
ask regular is fs/protected_regular 2
ask exchange answers 21 "" "220"
ask audit test -s /var/log/audit/audit.log
ask filter nft list chain inet karat output
ask people test "$(sshd -T | grep -c '^allowusers admin@')" = 2
ask time systemctl is-active systemd-timesyncd.service
"#;
/// What a front end under the profile strict asks.
const STRICT: &str = r#"
ask again systemctl start karat-verify-again.service
ask modules is kernel/modules_disabled 1
ask namespaces is user/max_user_namespaces 0
ask uring is kernel/io_uring_disabled 2
ask lockdown grep -F '[integrity]' /sys/kernel/security/lockdown
ask processes grep -E '^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /proc .*hidepid=invisible' /proc/1/mountinfo
ask web answers 80 "GET / HTTP/1.0\r\n\r\n" " 200 "
ask journal journalctl -b -q -n 1
ask audit test -s /var/log/audit/audit.log
ask time systemctl is-active systemd-timesyncd.service
ask filter nft list chain inet karat output
ask people test "$(sshd -T | grep ^allowusers)" = "allowusers admin"
"#;
const UNIT: &str = "[Unit]\\nAfter=api.service auditd.service karat-bless.service \
    karat-modules-lock.service multi-user.target nginx.service postgresql.service ssh.service \
    systemd-timesyncd.service vsftpd.service\\n[Service]\\nType=oneshot\\n\
    ExecStart=/usr/local/sbin/questions\\n[Install]\\nWantedBy=multi-user.target\\n";

#[test]
fn a_machine_under_server_l2_lets_in_serves_keeps_time_and_logs() {
    if std::env::consts::ARCH != "x86_64" {
        return skip("the machine that is emulated is an x86-64");
    }
    let (Some(shop), Some(judges)) = (Workshop::new("hardened"), Judges::all()) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners");
    }
    let Some((key, public)) = login(&shop) else {
        return;
    };
    let text = template(&shop, "server-l2", &public);
    let instance = Instance::of(&shop, &judges, "hardened", &text, |root| {
        deliver(&key, root);
        // The image's own systemd: what each directive counts differs from version to version.
        assert!(exposure::agree(root, inside(root)) > 80);
        kept(&shop, "hardened", root, 16, inside(root));
    });
    answers(&instance, QUESTIONS);
}

/// Debian 12, procps, what is out of date, and its FTP server confined.
#[test]
fn a_legacy_machine_of_debian_12_lets_in_serves_and_keeps_its_values() {
    one("old", "legacy", "server-l2", OLD);
}

#[test]
fn a_front_end_under_strict_lets_in_serves_and_keeps_its_values() {
    one("strict", "web-frontend", "strict", STRICT);
}

/// What takes an emulated processor minutes: a hundred profiles of `AppArmor`, which the machine of all
/// templates has, and checks of each piece of memory.
const SLOW: &str = "\"bt.aa\" = \"it is slow where a processor is emulated\", \
    \"bt.anssi8\" = \"it is slow where a processor is emulated\"";

/// A shipped template as a machine under a profile.
fn one(name: &str, base: &str, profile: &str, questions: &str) {
    if std::env::consts::ARCH != "x86_64" {
        return skip("the machine that is emulated is an x86-64");
    }
    let (Some(shop), Some(judges)) = (Workshop::new(&format!("hardened-{name}")), Judges::all())
    else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners");
    }
    let Some((key, public)) = login(&shop) else {
        return;
    };
    let text = format!(
        "extends = \"{base}\"\npackages = [\"audispd-plugins\", \"libpam-pwquality\", \
         \"linux-image-cloud-amd64\", \"openssh-client\"]\n[image]\nname = \"{name}\"\n\
         [kernel]\nflavour = \"none\"\n[harden]\nprofile = \"{profile}\"\nexcept = {{ {SLOW} }}\n\
         [segment]\nexposure = {{ \"questions.service\" = 9.6 }}\n\
         [services]\nenable = [\"questions.service\"]\n{}",
        asking(&public, questions)
    );
    let instance = Instance::of(&shop, &judges, name, &text, |root| {
        deliver(&key, root);
        kept(&shop, name, root, 10, inside(root));
    });
    answers(&instance, questions);
}

/// A key to log in by: its file, and its public half.
fn login(shop: &Workshop) -> Option<(PathBuf, String)> {
    let key = shop.path("login");
    let mut command = judge("ssh-keygen")?.command();
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key);
    assert!(command.status().unwrap().success());
    let public = fs::read_to_string(shop.path("login.pub")).unwrap();
    Some((key, public.trim().to_owned()))
}

/// The key of the login is on the disk alone.
fn deliver(key: &Path, root: &Path) {
    fs::create_dir_all(root.join("var/lib/karat")).unwrap();
    let login = root.join("var/lib/karat/login");
    fs::copy(key, &login).unwrap();
    fs::set_permissions(&login, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The image's own systemd-analyze.
fn inside(root: &Path) -> Command {
    let mut command = Command::new("chroot");
    command.arg(root).arg("systemd-analyze");
    command
}

/// Boots, and hears an answer to each question.
fn answers(instance: &Instance<'_>, questions: &str) {
    let mut machine = instance.boot(&[]);
    machine.until("question: all asked");
    let console = machine.cut_off();
    has_not(&console, &["FAILS", "DRIFT", "emergency mode"]);
    let asked = [HOW, questions, END].map(str::lines).into_iter().flatten();
    for line in asked.filter_map(|line| line.strip_prefix("ask ")) {
        let name = line.split(' ').next().unwrap();
        has(&console, &[&format!("question: {name} holds")]);
    }
}

/// Who logs in, and the unit that asks, with nothing of the template after it.
fn asking(key: &str, questions: &str) -> String {
    format!(
        "[[users]]\nname = \"admin\"\nssh_keys = [\"{key}\"]\n\
         [[files]]\npath = \"/etc/systemd/system/questions.service\"\ncontent = \"{UNIT}\"\n\
         [[files]]\npath = \"/usr/local/sbin/questions\"\nmode = \"0755\"\n\
         content = '''\n{HOW}{questions}{END}'''\n"
    )
}

/// All that the shipped templates run, on one machine.
fn template(shop: &Workshop, profile: &str, key: &str) -> String {
    let mut text = format!(
        "extends = \"base\"\npackages = [\"apparmor\", \"apparmor-utils\", \"audispd-plugins\", \
         \"gunicorn\", \"libpam-pwquality\", \"linux-image-cloud-amd64\", \"nginx\", \"postgresql\", \
         \"python3\"]\n[image]\nname = \"hardened\"\n[harden]\nprofile = \"{profile}\"\n\
         [kernel]\nflavour = \"none\"\n[segment]\nexposure = {{ \"questions.service\" = 9.6 }}\n\
         [services]\nenable = [\"api.service\", \"nginx.service\", \"postgresql-first-boot.service\", \
         \"postgresql.service\", \"questions.service\"]\n{}",
        asking(key, QUESTIONS)
    );
    for name in ["data-postgres", "internal-api", "web-frontend"] {
        let path = format!("workspace/templates/{name}.toml");
        let shipped = String::from_utf8(shop.read(path)).unwrap();
        let kept = ["[[users]]", "[[files]]", "[[verify.mutable]]"];
        for part in shipped.split("\n[") {
            let part = format!("[{part}");
            if kept.iter().any(|start| part.starts_with(start)) {
                text.push_str(&part);
                text.push('\n');
            }
        }
    }
    text.push_str(
        "[verify.facts]\nlisten = [\"tcp *:80\", \"tcp *:443\", \"tcp loopback:5432\", \"tcp *:8000\"]\n",
    );
    text
}

/// Asks a systemd whether each service keeps to the ceiling that the template and the rules state for it.
fn kept(shop: &Workshop, name: &str, root: &Path, least: usize, command: Command) {
    let template = shop.path(format!("workspace/templates/{name}.toml"));
    let services = exposure::figures(root, &["--template", template.to_str().unwrap()]);
    let tenths = |text: &str| text.replace('.', "").parse::<u32>().unwrap();
    let mut ceilings = BTreeMap::new();
    for (unit, service) in &services {
        let ceiling = &service["ceiling"];
        let most = tenths(ceiling["most"].as_str().unwrap());
        if most <= SANDBOXED {
            ceilings.insert(unit.as_str(), most);
        } else {
            assert!(
                ceiling["reason"].is_string() || unit == "questions.service",
                "{unit}"
            );
        }
    }
    for unit in ["auditd.service", "karat-verify.service"] {
        assert_eq!(ceilings.get(unit), Some(&30), "{unit}");
    }
    for unit in ["api.service", "nginx.service", "vsftpd.service"] {
        assert!(ceilings.get(unit).is_none_or(|most| *most == 30), "{unit}");
    }
    assert!(ceilings.len() >= least, "{ceilings:?}");
    let units: Vec<&str> = ceilings.keys().copied().collect();
    let rated = exposure::rated(command, &units);
    for (unit, most) in ceilings {
        let level = tenths(&rated[unit]);
        assert!(level <= most, "{unit}: {level} tenths; at most {most}");
    }
}
