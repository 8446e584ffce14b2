//! What stands where it should not.

use std::collections::BTreeSet;

use super::is_excepted;
use crate::harden::kind::Answer;
use crate::harden::root::fixed;
use crate::harden::systemd::{Found, find, started};
use crate::harden::{NodeKind, Root, ViewError};
use crate::path::{Escaped, Glob, ImagePath};
use crate::tree::Origin;

/// Programs by which new programs are made, or others taken apart.
const BUILD_TOOLS: [&str; 12] = [
    "/usr/bin/*-linux-gnu-gcc*",
    "/usr/bin/as",
    "/usr/bin/c++",
    "/usr/bin/cc",
    "/usr/bin/clang*",
    "/usr/bin/g++*",
    "/usr/bin/gcc*",
    "/usr/bin/gdb",
    "/usr/bin/ld",
    "/usr/bin/make",
    "/usr/bin/strace",
    "/var/cache/apt/archives/*.deb",
];

/// What one person or one machine left behind.
const SECRETS: [&str; 15] = [
    "/home/*/.aws/credentials",
    "/home/*/.bash_history",
    "/home/*/.docker/config.json",
    "/home/*/.kube/config",
    "/home/*/.netrc",
    "/home/*/.pgpass",
    "/root/.aws/credentials",
    "/root/.bash_history",
    "/root/.docker/config.json",
    "/root/.kube/config",
    "/root/.netrc",
    "/root/.pgpass",
    "/root/.python_history",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
];

pub(super) fn build_tools(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for path in matching(root, &BUILD_TOOLS, except)? {
        let shown = path.display();
        answer.fail(format!(
            "{shown}: is there; take out the package that has it"
        ));
    }
    Ok(())
}

pub(super) fn secrets(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for path in matching(root, &SECRETS, except)? {
        let shown = path.display();
        answer.fail(format!(
            "{shown}: belongs to one machine or one person; remove it"
        ));
    }
    let path = fixed("/etc/machine-id");
    let text = root.text(&path)?.unwrap_or_default();
    // machine-id(5): empty, or this word, where the first boot makes one.
    if !matches!(text.trim(), "" | "uninitialized") && !is_excepted(except, &path) {
        let shown = path.display();
        answer.fail(format!(
            "{shown}: all instances would share it; leave it empty"
        ));
    }
    Ok(())
}

/// What may start by itself without anybody's asking: the system's own, and what packages of servers
/// start, whose purpose is to run.
const STARTED: [&str; 44] = [
    "apparmor.service",
    "atd.service",
    "audit-rules.service",
    "auditd.service",
    "chrony.service",
    "cloud-config.service",
    "cloud-config.target",
    "cloud-final.service",
    "cloud-init-hotplugd.socket",
    "cloud-init-local.service",
    "cloud-init-main.service",
    "cloud-init-network.service",
    "cloud-init.service",
    "cloud-init.target",
    "cron.service",
    "dbus.service",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "gunicorn.service",
    "karat-bless.service",
    "karat-verify.service",
    "karat-verify.timer",
    "logrotate.timer",
    "nftables.service",
    "nginx.service",
    "postgresql.service",
    "qemu-guest-agent.service",
    "remote-fs.target",
    "rsyslog.service",
    "ssh.service",
    "ssh.socket",
    "sshd-keygen.service",
    "sysstat-collect.timer",
    "systemd-network-generator.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-pstore.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "tmp.mount",
    "unattended-upgrades.service",
];

pub(super) fn enabled_units(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let asked = presets(root)?;
    for (name, link) in started(root)? {
        let is_known = STARTED.contains(&name.as_str()) || is_excepted(except, &link);
        if is_known || !link.is_within(&fixed("/etc/systemd/system")) {
            continue;
        }
        if !matches!(find(root, &name, None)?, Found::Unit(..)) {
            continue;
        }
        let (shown, name) = (link.display(), name.as_str());
        match root.look(&link)?.and_then(|node| node.origin) {
            // The template's own word, or a rule's.
            Some(Origin::Template(_) | Origin::Rule(_)) => {}
            // It was asked for; that its package had made the link already says nothing.
            _ if asked.contains(name) => {}
            Some(Origin::Package(_) | Origin::Script(_)) => answer.fail(format!(
                "{shown}: starts {name}, which nobody asked for; name it in [services], to enable or \
                 to disable it"
            )),
            None => answer.unknown(format!(
                "{shown}: starts {name}; who asked for it is not known here"
            )),
        }
    }
    Ok(())
}

/// The units that somebody asked for in `/etc`, by systemd.preset(5): a template's among them.
fn presets(root: &Root<'_>) -> Result<BTreeSet<String>, ViewError> {
    let directory = fixed("/etc/systemd/system-preset");
    let mut units = BTreeSet::new();
    for name in root.names(&directory)? {
        let Ok(path) = directory.join(&name) else {
            continue;
        };
        if name.ends_with(b".preset") {
            let text = root.text(&path)?.unwrap_or_default();
            let lines = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("enable "));
            units.extend(lines.map(|name| name.trim().to_owned()));
        }
    }
    Ok(units)
}

/// Where dpkg(1) keeps the sums of packages' files.
const SUMS: &str = "/var/lib/dpkg/info";

/// Who wrote a file is known of a tree that karat builds. On an instance the signed manifest answers.
pub(super) fn package_files(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let directory = fixed(SUMS);
    let (mut is_known, mut count) = (false, 0_usize);
    for name in root
        .names(&directory)?
        .iter()
        .filter(|name| name.ends_with(b".md5sums"))
    {
        let Ok(list) = directory.join(name) else {
            continue;
        };
        for line in root.text(&list)?.unwrap_or_default().lines() {
            let file = line.split_once("  ").map(|(_, file)| format!("/{file}"));
            let Some(Ok(path)) = file.map(ImagePath::parse) else {
                continue;
            };
            let Some((path, node)) = root.resolve(&path)? else {
                continue;
            };
            count = count.saturating_add(1);
            is_known |= node.origin.is_some();
            if let Some(Origin::Script(script)) = &node.origin
                && !is_excepted(except, &path)
            {
                let (shown, script) = (path.display(), Escaped(script.as_bytes()));
                answer.fail(format!(
                    "{shown}: is a package's, and the script {script} changed it"
                ));
            }
        }
    }
    if count == 0 {
        answer.not_applicable(format!("{SUMS}: no package says what its files are"));
    } else if !is_known {
        answer.not_applicable("the signed manifest answers this; ask karat verify");
    }
    Ok(())
}

/// The files that fit one of the patterns, and are not left out.
fn matching(
    root: &Root<'_>,
    patterns: &[&str],
    except: &[Glob],
) -> Result<Vec<ImagePath>, ViewError> {
    let mut found = Vec::new();
    for glob in patterns
        .iter()
        .filter_map(|pattern| Glob::parse(pattern).ok())
    {
        for (path, node) in root.glob(&glob)? {
            if node.kind != NodeKind::Directory && !is_excepted(except, &path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
