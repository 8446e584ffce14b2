//! What the directives of a service come to, as the service manager takes them: systemd.exec(5),
//! systemd.resource-control(5), systemd.service(5). A value that it does not know is passed over.

use super::address::Addresses;
use super::calls::Calls;
use super::capability::Capabilities;
use super::family::Families;
use super::identity::Identity;
use super::manager::{Manager, Release};
use super::words::{switch, unquoted};
use crate::harden::systemd::{Unit, UnitName};

/// Kinds of namespaces, by the words of `RestrictNamespaces=`.
const NAMESPACES: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/// A service, with what others of its directives imply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service<'a> {
    unit: &'a Unit,
    name: &'a UnitName,
    pub(super) manager: Manager,
}

impl<'a> Service<'a> {
    pub(super) const fn new(unit: &'a Unit, name: &'a UnitName, manager: Manager) -> Self {
        Self {
            unit,
            name,
            manager,
        }
    }

    fn values(&self, key: &str) -> Vec<&'a str> {
        self.unit.assignments("Service", key)
    }

    /// The last value of a key that `read` takes.
    fn last<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut values = self.values(key).into_iter().rev();
        values.find_map(read)
    }

    /// The last word of a key that is one of these.
    pub(super) fn word(&self, key: &str, words: &[&'static str]) -> Option<&'static str> {
        self.last(key, |value| {
            words.iter().copied().find(|word| *word == value)
        })
    }

    /// Whether it starts while the system comes up, before what others may rely on is there.
    pub(super) fn is_early(&self) -> bool {
        let values = self.unit.assignments("Unit", "DefaultDependencies");
        let mut values = values.into_iter().rev();
        values.find_map(switch) == Some(false)
    }

    fn is_dynamic(&self) -> bool {
        self.last("DynamicUser", switch) == Some(true)
    }

    pub(super) fn identity(&self) -> Identity {
        Identity::of(self.unit, self.name, self.is_dynamic())
    }

    pub(super) fn has_groups(&self) -> bool {
        has_words(&self.values("SupplementaryGroups"))
    }

    /// Whether a switch is on, by itself or by another one.
    pub(super) fn is_on(&self, key: &str) -> bool {
        let is_new = self.manager.release >= Release::Trixie;
        let words: &[&str] = match key {
            "PrivateTmp" if is_new => &["connected", "disconnected"],
            "PrivateUsers" if is_new => &["self", "identity"],
            "ProtectControlGroups" if is_new => &["private", "strict"],
            _ => &[],
        };
        let read = |value: &str| switch(value).or_else(|| words.contains(&value).then_some(true));
        match key {
            "NoNewPrivileges" | "PrivateTmp" | "RemoveIPC" | "RestrictSUIDSGID"
                if self.is_dynamic() =>
            {
                true
            }
            // It has a third state, nothing said, which the newer releases count as on.
            "PrivateMounts" if is_new => {
                let read = |value: &str| match value {
                    "" => Some(true),
                    value => switch(value),
                };
                self.last(key, read).unwrap_or(true)
            }
            _ => self.last(key, read).unwrap_or(false),
        }
    }

    /// `yes` and `no` of a key that has further words.
    pub(super) fn switch_or(&self, key: &str, words: &[&'static str]) -> &'static str {
        let read = |value: &str| match switch(value) {
            Some(true) => Some("yes"),
            Some(false) => Some("no"),
            None => words.iter().copied().find(|word| *word == value),
        };
        let stated = self.last(key, read).unwrap_or("no");
        match (key, stated, self.is_dynamic()) {
            ("ProtectSystem", _, true) => "strict",
            ("ProtectHome", "no", true) => "read-only",
            (_, stated, _) => stated,
        }
    }

    /// The capabilities that it may ever have.
    pub(super) fn bounding_set(&self) -> Capabilities {
        let values = self.values("CapabilityBoundingSet");
        let implied: [(&str, &[&str]); 4] = [
            ("PrivateDevices", &["CAP_MKNOD", "CAP_SYS_RAWIO"]),
            ("ProtectKernelModules", &["CAP_SYS_MODULE"]),
            ("ProtectKernelLogs", &["CAP_SYSLOG"]),
            ("ProtectClock", &["CAP_SYS_TIME", "CAP_WAKE_ALARM"]),
        ];
        let stated = Capabilities::of(&values, Capabilities::ALL);
        let implied = implied.iter().filter(|(key, _)| self.is_on(key));
        implied.fold(stated, |set, (_, names)| set.without(names))
    }

    pub(super) fn ambient_set(&self) -> Capabilities {
        Capabilities::of(&self.values("AmbientCapabilities"), Capabilities::NONE)
    }

    pub(super) fn has_own_root(&self) -> bool {
        ["RootDirectory", "RootImage"].iter().any(|key| {
            let values = self.values(key);
            let path = values.last().copied().unwrap_or_default();
            !path.trim_matches('/').is_empty()
        })
    }

    /// The bits that new files do not get.
    pub(super) fn umask(&self) -> u32 {
        let octal = |value: &str| {
            let digits = !value.is_empty() && value.bytes().all(|it| (b'0'..=b'7').contains(&it));
            let mask = u32::from_str_radix(value, 8).ok().filter(|_| digits)?;
            (mask <= 0o7777).then_some(mask)
        };
        self.last("UMask", octal).unwrap_or(0o022)
    }

    /// Whether it delegates its control group: nothing after `=` does as well.
    pub(super) fn delegates(&self) -> bool {
        let values = self.values("Delegate");
        let last = values.last();
        last.is_some_and(|value| switch(value).unwrap_or(true))
    }

    /// Whether it may make, or enter, namespaces of a kind.
    pub(super) fn may_unshare(&self, kind: &str) -> bool {
        let mut allowed: Option<Vec<&str>> = None;
        for value in self.values("RestrictNamespaces") {
            allowed = match (value, switch(value)) {
                ("", _) => None,
                (_, Some(true)) => Some(Vec::new()),
                (_, Some(false)) => Some(NAMESPACES.to_vec()),
                (value, None) => match namespaces(value) {
                    Some((is_denial, kinds)) => Some(merged(allowed, is_denial, &kinds)),
                    None => allowed,
                },
            };
        }
        allowed.is_none_or(|allowed| allowed.contains(&kind))
    }

    pub(super) fn families(&self) -> Families {
        Families::of(&self.values("RestrictAddressFamilies"))
    }

    pub(super) fn calls(&self) -> Calls {
        Calls::of(&self.values("SystemCallFilter"))
    }

    /// The architectures whose system calls it may make; none is all.
    pub(super) fn architectures(&self) -> Vec<String> {
        const NAMES: [&str; 19] = [
            "native",
            "x86",
            "x86-64",
            "x32",
            "arm",
            "arm64",
            "loongarch64",
            "mips",
            "mips-le",
            "mips64",
            "mips64-le",
            "mips64-n32",
            "mips64-le-n32",
            "ppc",
            "ppc64",
            "ppc64-le",
            "riscv64",
            "s390",
            "s390x",
        ];
        let mut names: Vec<String> = Vec::new();
        for value in self.values("SystemCallArchitectures") {
            if value.is_empty() {
                names.clear();
            }
            let words = unquoted(value).into_iter();
            names.extend(words.filter(|word| NAMES.contains(&word.as_str())));
        }
        names.sort();
        names.dedup();
        names
    }

    pub(super) fn denied_addresses(&self) -> Addresses {
        Addresses::of(&self.values("IPAddressDeny"))
    }

    pub(super) fn allowed_addresses(&self) -> Addresses {
        Addresses::of(&self.values("IPAddressAllow"))
    }

    /// Whether programs of its own filter its packets.
    pub(super) fn filters_packets(&self) -> bool {
        let keys = ["IPIngressFilterPath", "IPEgressFilterPath"];
        keys.iter().any(|key| has_words(&self.values(key)))
    }

    /// Whether only devices that it names, and a few that do no harm, are open to it; and whether it
    /// names some, or gets some by what else it states.
    pub(super) fn devices(&self) -> (bool, bool) {
        let named = self.named_devices();
        let policy = self.word("DevicePolicy", &["auto", "closed", "strict"]);
        let is_closed = match policy {
            Some("closed" | "strict") => true,
            _ => self.is_on("PrivateDevices"),
        };
        let given = self.is_on("ProtectClock")
            || has_words(&self.values("RootImage"))
            || has_words(&self.values("MountImages"))
            || has_words(&self.values("LoadCredentialEncrypted"))
            || has_words(&self.values("SetCredentialEncrypted"));
        (is_closed, named || given)
    }

    fn named_devices(&self) -> bool {
        let mut named = false;
        for value in self.values("DeviceAllow") {
            if value.is_empty() {
                named = false;
                continue;
            }
            let words = unquoted(value);
            let device = words.first().map_or("", String::as_str);
            let rights = words.get(1..).unwrap_or_default().concat();
            let is_device = ["/dev/", "char-", "block-"]
                .iter()
                .any(|start| device.starts_with(start));
            let are_rights = rights.bytes().all(|byte| b"rwm".contains(&byte));
            named = named || (is_device && are_rights);
        }
        named
    }
}

/// Whether anything was stated since the last empty value.
fn has_words(values: &[&str]) -> bool {
    values.last().is_some_and(|value| !value.is_empty())
}

/// A list of kinds of namespaces; `None` where one of its words is none.
fn namespaces(value: &str) -> Option<(bool, Vec<&'static str>)> {
    let (is_denial, list) = super::words::denial(value);
    let mut kinds = Vec::new();
    for word in list.split_ascii_whitespace() {
        kinds.push(NAMESPACES.iter().copied().find(|kind| *kind == word)?);
    }
    Some((is_denial, kinds))
}

/// The first list says what is left; a later one adds, or takes away.
fn merged<'k>(allowed: Option<Vec<&'k str>>, is_denial: bool, kinds: &[&'k str]) -> Vec<&'k str> {
    match (allowed, is_denial) {
        (None, false) => kinds.to_vec(),
        (None, true) => {
            let all = NAMESPACES.iter().copied();
            all.filter(|kind| !kinds.contains(kind)).collect()
        }
        (Some(mut allowed), false) => {
            allowed.extend_from_slice(kinds);
            allowed
        }
        (Some(mut allowed), true) => {
            allowed.retain(|kind| !kinds.contains(kind));
            allowed
        }
    }
}
