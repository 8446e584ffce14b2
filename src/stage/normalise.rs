//! What must not be in an image, since it differs from build to build or must differ from instance
//! to instance: a table, so that each row can be read, argued about and tested.

use crate::path::{Glob, ImagePath};
use crate::tree::Epoch;

/// What to do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Keep the path, drop its content.
    Empty,
    /// Keep all of it, whatever a later row says.
    Keep,
    /// Let no day in shadow(5) lie after the Epoch.
    ShadowDates,
    /// Leave the path out, with all below it.
    Remove,
}

/// A row: which paths, what to do, why.
pub(super) struct Rule {
    pub(super) glob: &'static str,
    pub(super) action: Action,
    /// Printed nowhere: for whoever reads or changes the table.
    #[cfg_attr(not(test), expect(dead_code, reason = "a table's own documentation"))]
    pub(super) reason: &'static str,
}

const fn rule(glob: &'static str, action: Action, reason: &'static str) -> Rule {
    Rule {
        glob,
        action,
        reason,
    }
}

use Action::{Empty, Keep, Remove, ShadowDates};

/// The table; the first row that matches counts.
pub(super) const RULES: &[Rule] = &[
    // Identities: one per instance, made at first boot.
    rule(
        "/etc/ssh/ssh_host_*",
        Remove,
        "host keys identify one machine",
    ),
    rule(
        "/etc/machine-id",
        Empty,
        "machine-id(5): empty means first boot",
    ),
    rule(
        "/var/lib/dbus/machine-id",
        Remove,
        "a copy of /etc/machine-id",
    ),
    rule(
        "/etc/iscsi/initiatorname.iscsi",
        Remove,
        "random name of one machine",
    ),
    rule("/etc/nvme/hostid", Remove, "random id of one machine"),
    rule("/etc/nvme/hostnqn", Remove, "random name of one machine"),
    rule(
        "/etc/ssl/private/ssl-cert-snakeoil.key",
        Remove,
        "a private key, the same on all instances",
    ),
    rule(
        "/etc/ssl/certs/ssl-cert-snakeoil.pem",
        Remove,
        "its certificate",
    ),
    rule(
        "/var/lib/systemd/random-seed",
        Remove,
        "a seed must not be shared",
    ),
    rule(
        "/var/lib/systemd/credential.secret",
        Remove,
        "systemd-creds(1): one per machine",
    ),
    rule(
        "/var/lib/urandom/random-seed",
        Remove,
        "a seed must not be shared",
    ),
    rule("/root/.rnd", Remove, "a seed must not be shared"),
    // Databases with random ids and the time in them: made at first boot from the same program.
    rule(
        "/var/lib/postgresql/*/*/*",
        Remove,
        "initdb(1) writes a random system identifier",
    ),
    rule(
        "/var/lib/mysql/*",
        Remove,
        "mariadb-install-db writes times and a random server id",
    ),
    // Logs of the build.
    rule("/var/log/dpkg.log", Remove, "written with the time"),
    rule("/var/log/alternatives.log", Remove, "written with the time"),
    rule("/var/log/bootstrap.log", Remove, "written with the time"),
    rule("/var/log/fontconfig.log", Remove, "written with the time"),
    rule("/var/log/apt/*", Remove, "written with the time"),
    rule("/var/log/journal/*", Remove, "named for the machine"),
    rule(
        "/var/log/**",
        Empty,
        "logs belong to an instance; the files' owners are kept",
    ),
    // Caches and backups whose bytes follow inodes, times or order.
    rule(
        "/var/cache/ldconfig/aux-cache",
        Remove,
        "holds inode numbers and times",
    ),
    rule(
        "/var/cache/apt/*.bin",
        Remove,
        "rebuilt by apt, holds times",
    ),
    rule(
        "/var/cache/apt/archives/*.deb",
        Remove,
        "not needed by an instance",
    ),
    rule(
        "/var/cache/fontconfig/*",
        Remove,
        "holds times of directories",
    ),
    rule(
        "/var/lib/apt/lists/*_*",
        Remove,
        "state of a mirror, not of the image",
    ),
    rule("/var/cache/debconf/*-old", Remove, "a backup"),
    rule("/var/lib/ucf/hashfile.?", Remove, "a backup"),
    rule("/var/lib/ucf/registry.?", Remove, "a backup"),
    rule("/var/lib/dpkg/*-old", Remove, "a backup"),
    rule(
        "/var/lib/dpkg/karat.ci",
        Remove,
        "control files of packages while they were unpacked",
    ),
    rule(
        "/var/lib/dpkg/tmp.ci",
        Remove,
        "control files of a package while it was unpacked",
    ),
    rule("/var/lib/dpkg/lock*", Remove, "made anew by dpkg"),
    rule("/var/lib/dpkg/triggers/Lock", Remove, "made anew by dpkg"),
    rule("/etc/passwd-", Remove, "a backup"),
    rule("/etc/group-", Remove, "a backup"),
    rule("/etc/shadow-", Remove, "a backup"),
    rule("/etc/gshadow-", Remove, "a backup"),
    rule("/etc/subuid-", Remove, "a backup"),
    rule("/etc/subgid-", Remove, "a backup"),
    rule("/etc/.pwd.lock", Remove, "made anew by whoever locks"),
    rule(
        "/etc/shadow",
        ShadowDates,
        "the day of the build where a tool ignores the Epoch",
    ),
    // What a running system fills.
    rule("/dev/*", Remove, "made at boot"),
    rule("/proc/*", Remove, "made at boot"),
    rule("/sys/*", Remove, "made at boot"),
    rule(
        "/run/lock",
        Keep,
        "/var/lock leads there, also where nothing makes it at boot",
    ),
    rule("/run/lock/*", Remove, "made at boot"),
    rule("/run/*", Remove, "made at boot"),
    rule("/tmp/*", Remove, "left by scripts"),
    rule("/var/tmp/*", Remove, "left by scripts"),
];

/// Symbolic links to files that [`RULES`] remove, by their target: they would lead nowhere.
pub(super) const LINKS: &[&str] = &["ssl-cert-snakeoil.pem"];

/// The rules, ready to be asked.
pub(super) struct Rules(Vec<(Glob, Action)>);

impl Rules {
    pub(super) fn new() -> Self {
        let rules = RULES
            .iter()
            .filter_map(|rule| Some((Glob::parse(rule.glob).ok()?, rule.action)));
        Self(rules.collect())
    }

    /// What is to be done with `path`.
    pub(super) fn action(&self, path: &ImagePath) -> Option<Action> {
        self.0
            .iter()
            .find(|(glob, _)| glob.matches(path))
            .map(|(_, action)| *action)
            .filter(|action| *action != Keep)
    }
}

/// shadow(5), third field: the day of the last password change, which is the day of the build for
/// every account that a script made; no later than the Epoch.
pub(super) fn shadow_dates(bytes: &[u8], epoch: Epoch) -> Vec<u8> {
    let last = epoch.seconds() / 86_400;
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        for (at, field) in line.split(|byte| *byte == b':').enumerate() {
            if at > 0 {
                out.push(b':');
            }
            let day = std::str::from_utf8(field)
                .ok()
                .and_then(|text| text.parse::<u64>().ok());
            match day {
                Some(day) if at == 2 && day > last => out.extend(last.to_string().as_bytes()),
                _ => out.extend_from_slice(field),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_glob_with_a_reason() {
        assert_eq!(Rules::new().0.len(), RULES.len());
        for row in RULES {
            assert!(!row.reason.is_empty(), "{}", row.glob);
        }
    }

    #[test]
    fn the_first_row_that_matches_counts() {
        let rules = Rules::new();
        for (path, action) in [
            ("/etc/ssh/ssh_host_rsa_key.pub", Some(Remove)),
            ("/etc/ssh/sshd_config", None),
            ("/var/log/apt/history.log", Some(Remove)),
            ("/var/log/btmp", Some(Empty)),
            ("/var/log", Some(Empty)),
            ("/run", None),
            ("/run/lock", None),
            ("/run/lock/subsys", Some(Remove)),
            ("/run/systemd", Some(Remove)),
            ("/var/lib/postgresql/17/main", None),
            ("/var/lib/postgresql/17/main/PG_VERSION", Some(Remove)),
            ("/var/lib/mysql", None),
            ("/var/lib/mysql/ibdata1", Some(Remove)),
            ("/etc/shadow", Some(ShadowDates)),
        ] {
            let parsed = ImagePath::parse(path).unwrap();
            assert_eq!(rules.action(&parsed), action, "{path}");
        }
    }

    #[test]
    fn days_are_clamped_and_nothing_else_changes() {
        let epoch = Epoch::new(86_400 * 100).unwrap();
        let before = b"root:*:20000:0:99999:7:::\nx:!:50::::::\n\ny:!::::::20000:\n";
        let after = b"root:*:100:0:99999:7:::\nx:!:50::::::\n\ny:!::::::20000:\n";
        assert_eq!(shadow_dates(before, epoch), after);
    }
}
