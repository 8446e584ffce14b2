//! Every shipped template, built from the real archive and entered: what is in it is content with
//! itself, what must not be in it is absent, and what a first boot writes is what it may write.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::workshop::{Workshop, said, unpack};
use crate::support::{judge, skip};

/// The image's units that verify it, by systemd's own word.
const OWN_UNITS: &str = "systemd-analyze verify --man=no karat-bless.service karat-isolated.target \
    karat-peers.service karat-verify-again.service karat-verify.service karat-verify.timer";
/// What the units do at a boot that succeeds, and the check after it.
const BOOT: &str = "nft -f /etc/nftables.d/karat.nft && karat-agent peers apply && \
    karat-agent verify --journal --verdict /run/karat/verdict.json && \
    karat-agent bless && karat-agent verify";
/// Units that the image starts by itself.
const UNITS: &str = "systemd-analyze verify --man=no \
    $(cd /etc/systemd/system && ls -d *.wants/* | xargs -n1 basename | sort -u)";

#[test]
fn base() {
    check("base", &[], &[]);
}

#[test]
fn base_bookworm() {
    check("base-bookworm", &[], &[]);
}

#[test]
fn cloud() {
    let merged = "from cloudinit.util import read_conf_with_confd; \
        config = read_conf_with_confd('/etc/cloud/cloud.cfg'); \
        user = config['system_info']['default_user']; \
        assert config['users'] == ['default'], config; \
        assert user['name'] == 'admin' and user['lock_passwd'], user; \
        assert not user['sudo'] and not user['groups'], user";
    check(
        "cloud",
        &[
            // The package's own file and karat's, against the schema, then what both make together.
            "cd /etc/cloud && for file in cloud.cfg cloud.cfg.d/10-karat.cfg; do \
                (echo '#cloud-config'; grep -v '^#' $file) > /run/checked.cfg && \
                cloud-init schema --config-file /run/checked.cfg || exit 1; done",
            &format!("python3 -c \"{merged}\""),
        ],
        &[],
    );
}

#[test]
fn data_postgres() {
    // The cluster is made once, is private, and is what the template promises.
    let ask = "export PGHOST=/run/postgresql; for name in ssl data_checksums \
        password_encryption ssl_min_protocol_version; do psql -XAtc \"show $name\" || exit 1; done";
    let started = format!(
        "ip link set lo up && version=$(ls /usr/lib/postgresql) && \
         install -d -o postgres -g postgres -m 2775 /run/postgresql && \
         pg_ctlcluster $version main start && \
         su postgres -s /bin/sh -c '{ask}' > /run/answers; \
         pg_ctlcluster $version main stop; \
         test \"$(tr '\\n' ' ' < /run/answers)\" = 'on on scram-sha-256 TLSv1.2 '"
    );
    let again = "before=$(stat -c %i /var/lib/postgresql/*/main/PG_VERSION) && \
        /usr/local/sbin/postgresql-first-boot && \
        test $before = $(stat -c %i /var/lib/postgresql/*/main/PG_VERSION)";
    // The power fails while a cluster is being made.
    let unfinished = "version=$(ls /usr/lib/postgresql) && \
        rm -r /var/lib/postgresql/$version/main/base /etc/postgresql/$version/main/server.key && \
        touch /var/lib/postgresql/$version-main.unfinished && \
        /usr/local/sbin/postgresql-first-boot && test ! -e /var/lib/postgresql/*.unfinished";
    check(
        "data-postgres",
        &["test -z \"$(ls -A /var/lib/postgresql /etc/postgresql | grep -v :)\""],
        &[
            "/usr/local/sbin/postgresql-first-boot",
            "test $(stat -c %U:%a /etc/postgresql/*/main/server.key) = postgres:600",
            again,
            unfinished,
            &started,
        ],
    );
}

#[test]
fn internal_api() {
    let config = "cd /srv/api && su api -s /bin/sh -c \
        'PYTHONDONTWRITEBYTECODE=1 gunicorn --check-config app:application'";
    check("internal-api", &[config], &[]);
}

/// A file is handed over in the way of the protocol, at the ports that the segment states.
#[test]
fn legacy() {
    const EXCHANGE: &str = r#"
        ip link set lo up && mkdir -p /run/vsftpd/empty
        /usr/sbin/vsftpd /etc/vsftpd/exchange.conf &
        until (exec 3<>/dev/tcp/127.0.0.1/21) 2> /dev/null; do :; done
        exec 3<>/dev/tcp/127.0.0.1/21
        answer() { read -r -t 60 -u 3 line; test "${line%% *}" = "$1" || { echo "$line"; exit 1; }; }
        ask() { printf '%s\r\n' "$1" >&3; answer "$2"; }
        data() { ask EPSV 229; port=${line##*|||}; port=${port%%|*}; exec 4<>/dev/tcp/127.0.0.1/$port; }
        answer 220
        ask 'USER anonymous' 230
        data && test $port -ge 50000 -a $port -le 50015
        ask 'STOR exchange/a' 150; echo handed over >&4; exec 4>&-; answer 226
        data; ask 'RETR exchange/a' 150; read -r -t 60 -u 4 got; answer 226
        test "$got" = 'handed over'
    "#;
    // /bin/sh has no connections of its own.
    let exchange = format!("exec bash -ec '{}'", EXCHANGE.replace('\'', "'\\''"));
    check("legacy", &[], &[&exchange]);
}

#[test]
fn management() {
    check("management", &["command -v ssh scp sftp"], &[]);
}

#[test]
fn web_frontend() {
    // An element or a rule more than was signed is drift that names it. Few bytes of files are read: that
    // leaves gaps, which weigh less.
    let load = "nft -f /etc/nftables.d/karat.nft && karat-agent peers apply";
    let verify = "karat-agent verify --max-bytes 100000 > /run/said";
    let altered = |command: &str, named: &str| {
        format!(
            "{load} && nft {command} && {{ {verify}; test $? = 10; }} && grep -q '{named}' /run/said"
        )
    };
    // A document that does not count leaves the sets empty, and that is said.
    let refused = |change: &str, code: u32, said: &str| {
        format!(
            "cd /var/lib/karat/peers && cp web.dsse.json /run/kept && {load} && {change} && \
             {{ karat-agent peers apply > /run/said; test $? = {code}; }} && \
             grep -q '{said}' /run/said && nft list set inet karat peer_bastion_v4 > /run/set && \
             ! grep -q elements /run/set && cp /run/kept web.dsse.json && karat-agent peers apply"
        )
    };
    let said = "cd /var/lib/karat/peers && nft -f /etc/nftables.d/karat.nft && cp web.dsse.json /run/kept && \
        cp older web.dsse.json && { karat-agent verify --max-bytes 100000 > /run/said; test $? = 13; } && \
        grep -q '^warning: .*is below 7' /run/said && cp /run/kept web.dsse.json";
    let forged = "sed -i 's/\"sig\":\"..../\"sig\":\"AAAA/' web.dsse.json";
    check(
        "web-frontend",
        &["nginx -t"],
        &[
            &altered(
                "add element inet karat peer_bastion_v4 '{ 203.0.113.9 }'",
                "203.0.113.9",
            ),
            &altered("add rule inet karat output tcp dport 4444 accept", "4444"),
            &refused("cp older web.dsse.json", 12, "is below 7"),
            &refused(forged, 11, "does not verify"),
            &refused("echo x >> web.dsse.json", 11, "not JSON"),
            said,
        ],
    );
}

#[test]
fn no_shipped_template_is_forgotten() {
    let tests = include_str!("shipped.rs");
    for (name, _) in karat::ops::shipped::SHIPPED {
        // What is demanded of them together is no template, and neither is what has a directory of its own.
        let is_template = |it: &&str| *it != "fleet" && !it.contains('/');
        if let Some(name) = name.strip_suffix(".toml").filter(is_template) {
            let found = tests.contains(&format!("check(\"{name}\","))
                || tests.contains(&format!("check(\n        \"{name}\","));
            assert!(found, "no test builds and enters the template '{name}'");
        }
    }
}

/// Builds a shipped template and judges it: `programs` in the tree as it was built, `first_boot`
/// after them what an instance does once; then the tree must still be what was signed.
fn check(name: &str, programs: &[&str], first_boot: &[&str]) {
    let Some(shop) = Workshop::new(&format!("shipped-{name}")) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners and to enter it");
    }
    let Some(unshare) = judge("unshare") else {
        return;
    };
    let template = format!("workspace/templates/{name}.toml");
    shop.fleet_key();
    let options = ["-o", "out", "--format", "tar", "--compression", "none"];
    shop.succeed(["build", &template].iter().chain(&options));
    let root = shop.path("root");
    unpack(&shop.path(format!("out/{name}_1.tar")), &root);
    fs::remove_file(shop.path(format!("out/{name}_1.tar"))).unwrap();
    let envelope = format!("out/{name}_1.dsse.json");
    let verify = || {
        let trust = "workspace/keys/trust.json";
        let what = ["verify", "--root", "root", "--baseline", &envelope];
        let text = shop.succeed(what.iter().chain(&["--trust", trust]));
        assert!(text.starts_with("MATCH"), "{text}");
    };
    verify();
    no_secrets_and_no_identity(&root);
    well_formed_sysctl(&root);

    let enter = |program: &str| {
        let mut command = unshare.command();
        command.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--fork"]);
        command.args(["--kill-child", "sh", "-ec", INSIDE, "sh"]);
        command.arg(&root).arg(program).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LC_ALL", "C.UTF-8").env("HOME", "/root");
        // There is no manager to start units.
        command.env("SYSTEMD_OFFLINE", "1");
        said(&command.output().unwrap())
    };
    assert_eq!(enter("dpkg --audit"), (0, String::new()));
    rules_alone_changed_conffiles(&enter("dpkg -V").1, &shop, name);
    let all = [
        "apt-get check",
        UNITS,
        OWN_UNITS,
        "visudo -c",
        "nft -c -f /etc/nftables.conf",
        "test -x /usr/lib/karat/karat-agent && /usr/lib/karat/karat-agent version",
        "! grep -v '^[^:]*:[!*]' /etc/shadow",
    ];
    for program in all.iter().chain(programs) {
        let (code, text) = enter(program);
        assert_eq!(code, 0, "{name}: {program}: {text}");
    }
    audit_rules(&root, &enter);
    listed_as_foretold(&shop.path(&template), &enter);
    verify();

    // What units that run once do, in their own words where they are scripts.
    let delivered = root.join("var/lib/karat/baseline");
    fs::create_dir_all(&delivered).unwrap();
    fs::copy(
        shop.path(&envelope),
        delivered.join(format!("{name}_1.dsse.json")),
    )
    .unwrap();
    peers(&shop, &shop.path(&template), &root);
    let once = [
        "systemd-machine-id-setup && grep -qx '[0-9a-f]\\{32\\}' /etc/machine-id",
        &unit_line(&root, "ssh-host-keys.service", "ExecStart="),
        "mkdir /run/sshd && sshd -t && \
         test \"$(sshd -T | grep -c -e '^permitrootlogin no$' -e '^allowgroups sudo$')\" = 2",
        "augenrules",
        // The power fails while keys are made once more.
        "umask 077 && cd /etc/ssh && : > ssh_host_rsa_key.0aZ1bY2cX3 && : > ssh_host_rsa_key.pub.0aZ1bY2cX3",
    ];
    // What it left behind is no difference, and the next boot removes it.
    let tidy = unit_line(&root, "ssh-host-keys.service", "ExecStartPre=");
    let tidy: Vec<String> = tidy.split(' ').map(|word| format!("'{word}'")).collect();
    let tidy = format!(
        "{} && test -z \"$(ls /etc/ssh | grep 0aZ)\"",
        tidy.join(" ")
    );
    for program in once.iter().chain(first_boot).chain(&[BOOT, &tidy, BOOT]) {
        let (code, text) = enter(program);
        assert_eq!(code, 0, "{name}: {program}: {text}");
    }
    verify();
    keeps_strict(&shop, name);
}

/// The rule that asks for a package which shipped templates leave to those who want it. Others of its kind ask
/// for a kernel first.
const WANTING: &str = "ac.minlen";

/// Under the strictest profile, which has the rules of the others too, an image of the same packages is
/// built, which means that each rule holds or says why it does not apply; and what nothing names does not
/// go out.
fn keeps_strict(shop: &Workshop, name: &str) {
    let text = format!(
        "extends = \"{name}\"\n[image]\nname = \"strict\"\n[harden]\nprofile = \"strict\"\n\
         except = {{ \"{WANTING}\" = \"its package is not among those of the template\" }}\n"
    );
    let template = "workspace/templates/strict.toml";
    fs::write(shop.path(template), text).unwrap();
    let options = ["-o", "out", "--format", "tar", "--compression", "none"];
    shop.succeed(["build", template].iter().chain(&options));
    let results: serde_json::Value =
        serde_json::from_slice(&shop.read("out/strict_1.rules.json")).unwrap();
    assert_eq!(results["profile"], "strict");
    let results = results["results"].as_array().unwrap();
    let result = |id: &str| results.iter().find(|it| it["id"] == id).unwrap();
    // An exception that is not needed is none.
    assert_eq!(result(WANTING)["without"], "fail", "{name}");
    assert_eq!(result("fw.deny-out")["outcome"], "pass", "{name}");
}

/// What `dpkg -V` says is only that configuration files were changed, each of them by a rule of
/// hardening whose name the manifest has, and nothing else.
fn rules_alone_changed_conffiles(text: &str, shop: &Workshop, name: &str) {
    let manifest = String::from_utf8(shop.read(format!("out/{name}_1.mtree"))).unwrap();
    let mut changed = BTreeSet::new();
    for line in text.lines() {
        let path = line.strip_prefix("??5?????? c ");
        let path = path.unwrap_or_else(|| panic!("{name}: dpkg -V: {line}"));
        let of_rule = manifest.lines().any(|entry| {
            let mut words = entry.split_whitespace();
            words.next() == Some(&format!(".{path}")) && entry.contains("rule:")
        });
        assert!(of_rule, "{path} was changed, and by no rule of hardening");
        changed.insert(path);
    }
    assert!(changed.contains("/etc/ssh/sshd_config") || changed.contains("/etc/issue"));
}

/// Enters the tree `$1` and runs `$2` there, with a `/proc`, a `/dev` and a `/run` like a machine's
/// that vanish with it.
const INSIDE: &str = r#"
    mount --make-rprivate /
    mount -t proc -o nosuid,nodev,noexec proc "$1/proc"
    # Kernel settings are this machine's, not the image's: as container engines do.
    mount --bind "$1/proc/sys" "$1/proc/sys"
    mount -o remount,bind,ro,nosuid,nodev,noexec "$1/proc/sys"
    mount -t tmpfs -o mode=0755 dev "$1/dev"
    for name in full null random tty urandom zero; do
        : > "$1/dev/$name"
        mount --bind "/dev/$name" "$1/dev/$name"
    done
    mkdir "$1/dev/shm"
    mount -t tmpfs -o nosuid,nodev,mode=1777 shm "$1/dev/shm"
    ln -s /proc/self/fd "$1/dev/fd"
    mount -t tmpfs -o mode=0755 run "$1/run"
    mkdir -m 1777 "$1/run/lock"
    exec chroot "$1" /bin/sh -c "$2"
"#;

/// Delivers where the instances of other segments are, where the template names any; and an older such
/// document, which nobody has asked for.
fn peers(shop: &Workshop, template: &Path, root: &Path) {
    let template = karat::ops::template::load(template).unwrap();
    let ruleset = template.ruleset().unwrap();
    let names: Vec<String> = ruleset.peers().map(ToString::to_string).collect();
    let Some(segment) = template.segment.name.map(|name| name.to_string()) else {
        return;
    };
    let delivered = root.join("var/lib/karat/peers");
    fs::create_dir_all(&delivered).unwrap();
    let file = delivered.join(format!("{segment}.dsse.json"));
    fs::write(file, shop.peers(&segment, 7, &names)).unwrap();
    fs::write(delivered.join("older"), shop.peers(&segment, 6, &names)).unwrap();
}

/// In a network namespace of its own the rules are really loaded, twice, by the nft of the release, and
/// it lists what the template's segment foretells.
fn listed_as_foretold(template: &Path, enter: &dyn Fn(&str) -> (i32, String)) {
    let template = karat::ops::template::load(template).unwrap();
    let ruleset = template.ruleset().unwrap();
    let load = "nft -f /etc/nftables.d/karat.nft";
    let (code, text) = enter(&format!("{load} && {load} && nft -j -n list ruleset"));
    assert_eq!(code, 0, "{text}");
    let listed = karat::expect::fact::ruleset(text.as_bytes()).unwrap();
    assert_eq!(listed, ruleset.listing().unwrap());
}

/// The program that a oneshot unit's `ExecStart=` or another such line runs.
fn unit_line(root: &Path, unit: &str, key: &str) -> String {
    let text = fs::read_to_string(root.join("etc/systemd/system").join(unit)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap().to_owned()
}

/// Nothing that all instances would share although each must have its own.
fn no_secrets_and_no_identity(root: &Path) {
    assert_eq!(fs::read(root.join("etc/machine-id")).unwrap(), b"");
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let name = entry.file_name().into_string().unwrap_or_default();
                let told = path.display();
                assert!(!name.starts_with("ssh_host_"), "{told}: a host key");
                assert_ne!(name, "PG_VERSION", "{told}: a database cluster");
                assert!(!holds_a_private_key(&path), "{told}: a private key");
            }
        }
    }
}

/// Whether a file holds a PEM key: programs only name the marker, documentation indents it.
fn holds_a_private_key(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    let mut lines = bytes.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let marker = line.starts_with(b"-----BEGIN ") && line.ends_with(b" PRIVATE KEY-----");
        let text = |line: &[u8]| {
            let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            line.len() >= 40 && line.iter().all(base64)
        };
        if marker && lines.next().is_some_and(text) {
            return true;
        }
    }
    false
}

/// sysctl.d(5): every line is a comment or `key = value`, and none is there twice in one file.
fn well_formed_sysctl(root: &Path) {
    let mut read = 0;
    for directory in ["etc/sysctl.d", "usr/lib/sysctl.d"] {
        let Ok(files) = fs::read_dir(root.join(directory)) else {
            continue;
        };
        for path in files.map(|file| file.unwrap().path()) {
            if path.extension().is_none_or(|end| end != "conf") {
                continue;
            }
            let told = path.display();
            let mut keys = BTreeSet::new();
            for line in fs::read_to_string(&path).unwrap_or_default().lines() {
                let line = line.trim();
                if line.is_empty() || line.starts_with(['#', ';']) {
                    continue;
                }
                let (key, value) = line
                    .split_once('=')
                    .unwrap_or_else(|| panic!("{told}: {line}"));
                let key = key.trim().trim_start_matches('-').replace('/', ".");
                let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte);
                assert!(
                    key.contains('.') && key.bytes().all(known),
                    "{told}: {line}"
                );
                assert!(!value.trim().is_empty(), "{told}: {line}");
                assert!(keys.insert(key), "{told}: {line} is there twice");
                read += 1;
            }
        }
    }
    assert!(read > 20, "{read} settings");
}

/// Every rule passes auditctl's parser, and none is there twice: the kernel refuses the second, and
/// with it all that follow. In a pid namespace the kernel takes no rules, so nothing is changed.
fn audit_rules(root: &Path, enter: &dyn Fn(&str) -> (i32, String)) {
    let mut text = String::new();
    let mut files: Vec<PathBuf> = fs::read_dir(root.join("etc/audit/rules.d"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        text += &fs::read_to_string(file).unwrap();
    }
    let is_rule = |line: &&str| line.starts_with("-a ") || line.starts_with("-w ");
    let rules: Vec<&str> = text.lines().filter(is_rule).collect();
    let same = |rule: &str| rule.replace("/ ", " ");
    let different: BTreeSet<String> = rules.iter().map(|rule| same(rule)).collect();
    assert_eq!(
        different.len(),
        rules.len(),
        "a rule is there twice: {text}"
    );
    assert!(rules.len() > 20, "{text}");

    let (_, text) = enter(
        "umask 077; (echo -c; cat /etc/audit/rules.d/*.rules | grep -e '^-a ' -e '^-w ') > /run/rules; \
         auditctl -R /run/rules",
    );
    let refused = text.matches("Error sending add rule").count();
    if refused > 0 {
        assert_eq!(
            refused,
            rules.len(),
            "auditctl cannot read them all: {text}"
        );
    } else {
        let reason = "this kernel has no audit system, or not for us";
        assert!(!text.contains("error in line"), "{reason}: {text}");
    }
}
