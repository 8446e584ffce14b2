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
/// What a machine under the profile strict asks besides.
const STRICT: &str = r"
closed() { nft list chain inet karat output | grep -F 'policy drop'; }
ask modules is kernel/modules_disabled 1
ask namespaces is user/max_user_namespaces 0
ask lockdown grep -F '[integrity]' /sys/kernel/security/lockdown
ask processes grep -E '^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /proc .*hidepid=invisible' /proc/1/mountinfo
ask closed closed
";
/// What one with a kernel of Debian 13 asks besides that.
const URING: &str = "ask uring is kernel/io_uring_disabled 2\n";
/// What one asks that a cloud sets up.
const CLOUD: &str = r#"
ask again systemctl start karat-verify-again.service
ask cloud cloud-init status --wait
ask name test "$(hostname)" = strict-cloud-1
ask journal journalctl -b -q -n 1
ask audit test -s /var/log/audit/audit.log
ask time systemctl is-active systemd-timesyncd.service
"#;
const UNIT: &str = "[Unit]\\nAfter=api.service auditd.service cloud-final.service karat-bless.service \
    karat-modules-lock.service multi-user.target nginx.service postgresql.service ssh.service \
    systemd-timesyncd.service vsftpd.service\\n[Service]\\nType=oneshot\\n\
    ExecStart=/usr/local/sbin/questions\\n[Install]\\nWantedBy=multi-user.target\\n";

#[test]
fn a_machine_under_server_l2_lets_in_serves_keeps_time_and_logs() {
    all("hardened", "server-l2", "", QUESTIONS);
}

#[test]
fn a_machine_under_strict_lets_in_serves_and_keeps_its_values() {
    let questions = format!("{QUESTIONS}{STRICT}{URING}");
    all("strict", "strict", SLOW, &questions);
}

/// Debian 12, procps, what is out of date, and its FTP server confined. What strict asks for contains what
/// server-l2 does.
#[test]
fn a_legacy_machine_of_debian_12_lets_in_serves_and_keeps_its_values() {
    let Some(desk) = Desk::new("old") else {
        return;
    };
    let questions = format!("{OLD}{STRICT}");
    let text = format!(
        "extends = \"legacy\"\npackages = [\"audispd-plugins\", \"libpam-pwquality\", \
         \"linux-image-cloud-amd64\", \"openssh-client\"]\n[image]\nname = \"old\"\n\
         [kernel]\nflavour = \"none\"\n[harden]\nprofile = \"strict\"\nexcept = {{ {NO_APPARMOR}, {SLOW} }}\n\
         [segment]\nexposure = {{ \"questions.service\" = 9.6 }}\n\
         [services]\nenable = [\"questions.service\"]\n{}{}",
        person(&desk.public),
        asking(&questions)
    );
    desk.boots(&text, (60, 10), &questions, |_| ());
}

/// A machine whose name and keys come from a cloud: here from where cloud-init looks for them on its disk.
#[test]
fn a_cloud_machine_under_strict_is_set_up_and_lets_in() {
    let Some(desk) = Desk::new("strict-cloud") else {
        return;
    };
    let questions = format!("{CLOUD}{STRICT}{URING}");
    let text = format!(
        "extends = \"cloud\"\npackages = [\"audispd-plugins\", \"libpam-pwquality\", \
         \"linux-image-cloud-amd64\", \"openssh-client\"]\n[image]\nname = \"strict-cloud\"\n\
         [kernel]\nflavour = \"none\"\n[harden]\nprofile = \"strict\"\nexcept = {{ {NO_APPARMOR}, {SLOW} }}\n\
         [segment]\nexposure = {{ \"questions.service\" = 9.6 }}\n\
         [services]\nenable = [\"questions.service\"]\n{}",
        asking(&questions)
    );
    desk.boots(&text, (80, 10), &questions, |root| {
        let seed = root.join("var/lib/cloud/seed/nocloud");
        fs::create_dir_all(&seed).unwrap();
        let key = &desk.public;
        let known =
            format!("instance-id: i-1\nlocal-hostname: strict-cloud-1\npublic-keys:\n- {key}\n");
        fs::write(seed.join("meta-data"), known).unwrap();
        fs::write(seed.join("user-data"), "#cloud-config\n{}\n").unwrap();
    });
}

/// What takes an emulated processor minutes: checks of each piece of memory.
const SLOW: &str = "\"bt.anssi8\" = \"it is slow where a processor is emulated\"";
/// And so is loading a hundred profiles of `AppArmor`, which the other machines do.
const NO_APPARMOR: &str = "\"bt.aa\" = \"it is slow where a processor is emulated\"";

/// All that the shipped templates of Debian 13 run, on one machine under a profile, with exceptions.
fn all(name: &'static str, profile: &str, except: &str, questions: &str) {
    let Some(desk) = Desk::new(name) else {
        return;
    };
    let text = template(&desk, profile, except, questions);
    desk.boots(&text, (80, 16), questions, |_| ());
}

/// Where a machine is built and booted.
struct Desk {
    name: &'static str,
    shop: Workshop,
    judges: Judges,
    /// The key of the login, and its public half.
    key: PathBuf,
    public: String,
}

impl Desk {
    /// `None`, said so, where this machine lacks something.
    fn new(name: &'static str) -> Option<Self> {
        if std::env::consts::ARCH != "x86_64" {
            skip("the machine that is emulated is an x86-64");
            return None;
        }
        let shop = Workshop::new(&format!("hardened-{name}"))?;
        let judges = Judges::all()?;
        if !rustix::process::geteuid().is_root() {
            skip("needs root to unpack the image with its owners");
            return None;
        }
        let (key, public) = login(&shop)?;
        Some(Self {
            name,
            shop,
            judges,
            key,
            public,
        })
    }

    /// Builds it from the template's text, holds its services to their ceilings, and boots it. It has more
    /// units than the first of `least`, and no fewer with ceilings than the second.
    fn boots(
        &self,
        text: &str,
        least: (usize, usize),
        questions: &str,
        prepare: impl FnOnce(&Path),
    ) {
        let instance = Instance::of(&self.shop, &self.judges, self.name, text, |root| {
            deliver(&self.key, root);
            prepare(root);
            // The image's own systemd: what each directive counts differs from version to version.
            assert!(exposure::agree(root, inside(root)) > least.0);
            kept(&self.shop, self.name, root, least.1, inside(root));
        });
        answers(&instance, questions);
    }
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

/// Who logs in, by the template.
fn person(key: &str) -> String {
    format!("[[users]]\nname = \"admin\"\nssh_keys = [\"{key}\"]\n")
}

/// The unit that asks, with nothing of the template after it.
fn asking(questions: &str) -> String {
    format!(
        "[[files]]\npath = \"/etc/systemd/system/questions.service\"\ncontent = \"{UNIT}\"\n\
         [[files]]\npath = \"/usr/local/sbin/questions\"\nmode = \"0755\"\n\
         content = '''\n{HOW}{questions}{END}'''\n"
    )
}

/// All that the shipped templates run, on one machine.
fn template(desk: &Desk, profile: &str, except: &str, questions: &str) -> String {
    let Desk {
        name, shop, public, ..
    } = desk;
    let mut text = format!(
        "extends = \"base\"\npackages = [\"apparmor\", \"apparmor-utils\", \"audispd-plugins\", \
         \"gunicorn\", \"libpam-pwquality\", \"linux-image-cloud-amd64\", \"nginx\", \"postgresql\", \
         \"python3\"]\n[image]\nname = \"{name}\"\n[harden]\nprofile = \"{profile}\"\nexcept = {{ {except} }}\n\
         [kernel]\nflavour = \"none\"\n[segment]\nexposure = {{ \"questions.service\" = 9.6 }}\n\
         [services]\nenable = [\"api.service\", \"nginx.service\", \"postgresql-first-boot.service\", \
         \"postgresql.service\", \"questions.service\"]\n{}{}",
        person(public),
        asking(questions)
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
