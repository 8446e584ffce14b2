//! Hardened images stay usable: a machine under a profile, with all that the shipped templates run,
//! lets its administrator in, serves, keeps time and logs; and systemd rates its services.
//!
//! The machine asks itself, by a unit that the template adds, and says on its console what came of it.
//! The key of the login is on the disk alone, as somebody who delivers an image may put one there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::boot::{Instance, Judges, has, has_not};
use super::workshop::Workshop;
use crate::exposure;
use crate::support::{judge, skip};

/// The highest ceiling of a service that has a sandbox, and of its figure in tenths; what may be more
/// exposed is an exception by name, with its reason, in `templates/rules/units.toml`.
const SANDBOXED: u32 = 50;

/// What the machine asks itself.
const QUESTIONS: &str = r#"#!/bin/sh
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
ask verified systemctl is-active karat-verify.service
ask blessed systemctl is-active karat-bless.service
ask login session true
ask sudo session sudo -n test 0 = 0
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
ask failed failed
say all asked
"#;
const UNIT: &str = "[Unit]\\nAfter=api.service auditd.service karat-bless.service nginx.service \
    postgresql.service ssh.service systemd-timesyncd.service\\n[Service]\\nType=oneshot\\n\
    ExecStart=/usr/local/sbin/questions\\n[Install]\\nWantedBy=multi-user.target\\n";

#[test]
fn a_machine_under_server_l2_lets_in_serves_keeps_time_and_logs() {
    if std::env::consts::ARCH != "x86_64" {
        return skip("the machine that is emulated is an x86-64");
    }
    let (Some(shop), Some(judges)) = (Workshop::new("hardened"), Judges::all()) else {
        return;
    };
    let Some(keygen) = judge("ssh-keygen") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners");
    }
    let key = shop.path("login");
    let mut command = keygen.command();
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key);
    assert!(command.status().unwrap().success());
    let public = fs::read_to_string(shop.path("login.pub")).unwrap();
    let text = template(&shop, "server-l2", public.trim());
    let instance = Instance::of(&shop, &judges, "hardened", &text, |root| {
        fs::create_dir_all(root.join("var/lib/karat")).unwrap();
        let login = root.join("var/lib/karat/login");
        fs::copy(&key, &login).unwrap();
        fs::set_permissions(&login, fs::Permissions::from_mode(0o600)).unwrap();
        // The image's own systemd: what each directive counts differs from version to version.
        let chroot = || {
            let mut inside = Command::new("chroot");
            inside.arg(root).arg("systemd-analyze");
            inside
        };
        assert!(exposure::agree(root, chroot()) > 80);
        kept(&shop, root, chroot());
    });
    let mut machine = instance.boot(&[]);
    machine.until("question: all asked");
    let console = machine.cut_off();
    has_not(&console, &["FAILS", "DRIFT", "emergency mode"]);
    let asked = QUESTIONS
        .lines()
        .filter_map(|line| line.strip_prefix("ask "));
    for line in asked {
        let name = line.split(' ').next().unwrap();
        has(&console, &[&format!("question: {name} holds")]);
    }
}

/// All that the shipped templates run, on one machine.
fn template(shop: &Workshop, profile: &str, key: &str) -> String {
    let mut text = format!(
        "extends = \"base\"\npackages = [\"apparmor\", \"apparmor-utils\", \"audispd-plugins\", \
         \"gunicorn\", \"libpam-pwquality\", \"linux-image-cloud-amd64\", \"nginx\", \"postgresql\", \
         \"python3\"]\n[image]\nname = \"hardened\"\n[harden]\nprofile = \"{profile}\"\n\
         [kernel]\nflavour = \"none\"\n[segment]\nexposure = {{ \"questions.service\" = 9.6 }}\n\
         [services]\nenable = [\"api.service\", \"nginx.service\", \"postgresql-first-boot.service\", \
         \"postgresql.service\", \"questions.service\"]\n\
         [[users]]\nname = \"admin\"\nssh_keys = [\"{key}\"]\n\
         [[files]]\npath = \"/etc/systemd/system/questions.service\"\ncontent = \"{UNIT}\"\n\
         [[files]]\npath = \"/usr/local/sbin/questions\"\nmode = \"0755\"\n\
         content = '''\n{QUESTIONS}'''\n"
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
fn kept(shop: &Workshop, root: &Path, command: Command) {
    let template = shop.path("workspace/templates/hardened.toml");
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
    for unit in [
        "api.service",
        "auditd.service",
        "karat-verify.service",
        "nginx.service",
    ] {
        assert_eq!(ceilings.get(unit), Some(&30), "{unit}");
    }
    assert!(ceilings.len() >= 16, "{ceilings:?}");
    let units: Vec<&str> = ceilings.keys().copied().collect();
    let rated = exposure::rated(command, &units);
    for (unit, most) in ceilings {
        let level = tenths(&rated[unit]);
        assert!(level <= most, "{unit}: {level} tenths; at most {most}");
    }
}
