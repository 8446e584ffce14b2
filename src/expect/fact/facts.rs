//! All facts of one image.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Accounts, CmdlineWord, Credentials, Firewall, Kernel, Listen, Modules, Mount, PacketSockets,
    Preload, Startup, Sysctl, SysctlName, Units, UnixSockets, Word,
};
use crate::order::{self, sort_by};
use crate::path::ImagePath;

/// What must hold on the running system; what is not stated is not looked at.
///
/// Fields stand in the order of their names, so that the JSON is canonical.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Facts {
    /// Who may become root or has a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Accounts>,
    /// Words of the kernel's command line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmdline: Vec<CmdlineWord>,
    /// Credentials from firmware and boot loader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// The rules of the packet filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall: Option<Firewall>,
    /// Taint and lockdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// Listening sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Listen>,
    /// Loaded modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Modules>,
    /// Mounted file systems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Packet sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<PacketSockets>,
    /// What is loaded into every program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preload: Option<Preload>,
    /// What makes programs run, or lets somebody in, from places that may be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<Startup>,
    /// Kernel settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sysctl: Vec<Sysctl>,
    /// Units outside of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// Unix sockets that listen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix: Option<UnixSockets>,
}

/// The rule that facts break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// A fact that nothing could ever break.
    #[error("the kernel fact states neither lockdown nor taint")]
    Empty,
    /// The same mount point twice.
    #[error("the mount {0} stands there twice")]
    Mount(ImagePath),
    /// The same setting twice.
    #[error("the setting {0} stands there twice")]
    Sysctl(SysctlName),
    /// The same word twice.
    #[error("the word {0} of the command line stands there twice")]
    Word(Word),
}

impl Facts {
    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        let Self {
            accounts,
            cmdline,
            credentials,
            firewall,
            kernel,
            listen,
            modules,
            mounts,
            packet,
            preload,
            startup,
            sysctl,
            units,
            unix,
        } = self;
        accounts.is_none()
            && cmdline.is_empty()
            && credentials.is_none()
            && firewall.is_none()
            && kernel.is_none()
            && listen.is_none()
            && modules.is_none()
            && mounts.is_empty()
            && packet.is_none()
            && preload.is_none()
            && startup.is_none()
            && sysctl.is_empty()
            && units.is_none()
            && unix.is_none()
    }

    /// Whether all lists stand in the order in which they are written, and nothing twice.
    ///
    /// An instance only reads what a builder has sorted: it needs no code that sorts.
    pub(in crate::expect) fn is_sorted(&self) -> bool {
        let Self {
            accounts,
            cmdline,
            credentials,
            firewall: _,
            kernel: _,
            listen,
            modules,
            mounts,
            packet,
            preload: _,
            startup,
            sysctl,
            units,
            unix,
        } = self;
        let accounts = accounts.as_ref();
        let names = accounts.map(|it| [&it.password, &it.root]);
        ascends(cmdline, |entry| &entry.word)
            && ascends(mounts, |entry| &entry.point)
            && ascends(sysctl, |entry| &entry.name)
            && mounts.iter().all(|mount| ascends(&mount.options, |it| it))
            && names
                .into_iter()
                .flatten()
                .flatten()
                .all(|list| ascends(list, |it| it))
            && credentials
                .as_ref()
                .is_none_or(|it| ascends(&it.allow, |it| it))
            && listen.as_ref().is_none_or(|it| ascends(&it.allow, |it| it))
            && modules
                .as_ref()
                .is_none_or(|it| ascends(&it.allow, |it| it) && ascends(&it.deny, |it| it))
            && packet.as_ref().is_none_or(|it| ascends(&it.allow, |it| it))
            && startup
                .as_ref()
                .is_none_or(|it| ascends(&it.allow, |it| it))
            && units.as_ref().is_none_or(|it| ascends(&it.allow, |it| it))
            && unix.as_ref().is_none_or(|it| ascends(&it.allow, |it| it))
    }

    /// The rule that a single fact breaks, if any.
    pub(in crate::expect) fn check(&self) -> Result<(), FactsError> {
        match &self.kernel {
            Some(kernel) if kernel.lockdown.is_none() && kernel.taint.is_none() => {
                Err(FactsError::Empty)
            }
            _ => Ok(()),
        }
    }

    /// The same facts in the order in which they are written.
    ///
    /// # Errors
    /// One of them is stated twice, or says nothing.
    pub fn sorted(mut self) -> Result<Self, FactsError> {
        sort_by(&mut self.cmdline, |a, b| a.word.cmp(&b.word));
        sort_by(&mut self.mounts, |a, b| a.point.cmp(&b.point));
        sort_by(&mut self.sysctl, |a, b| a.name.cmp(&b.name));
        if let Some(word) = twice(&self.cmdline, |entry| &entry.word) {
            return Err(FactsError::Word(word));
        }
        if let Some(point) = twice(&self.mounts, |entry| &entry.point) {
            return Err(FactsError::Mount(point));
        }
        if let Some(name) = twice(&self.sysctl, |entry| &entry.name) {
            return Err(FactsError::Sysctl(name));
        }
        for mount in &mut self.mounts {
            sort(&mut mount.options);
        }
        if let Some(accounts) = &mut self.accounts {
            accounts.password.iter_mut().for_each(sort);
            accounts.root.iter_mut().for_each(sort);
        }
        if let Some(credentials) = &mut self.credentials {
            sort(&mut credentials.allow);
        }
        if let Some(listen) = &mut self.listen {
            sort(&mut listen.allow);
        }
        if let Some(modules) = &mut self.modules {
            sort(&mut modules.allow);
            sort(&mut modules.deny);
        }
        if let Some(packet) = &mut self.packet {
            sort(&mut packet.allow);
        }
        for paths in [&mut self.startup, &mut self.units].into_iter().flatten() {
            sort(&mut paths.allow);
        }
        if let Some(unix) = &mut self.unix {
            sort(&mut unix.allow);
        }
        self.check().map(|()| self)
    }
}

/// Whether each key is greater than the one before.
fn ascends<E, K: Ord>(list: &[E], key: impl Fn(&E) -> &K) -> bool {
    list.is_sorted_by(|a, b| key(a) < key(b))
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    order::sort(list);
    list.dedup();
}

/// What stands twice in a sorted list.
fn twice<E, K: Clone + Ord>(list: &[E], key: impl Fn(&E) -> &K) -> Option<K> {
    let mut seen = BTreeSet::new();
    list.iter().map(key).find(|key| !seen.insert(*key)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::{Expectations, ExpectationsError};

    const TEXT: &str = concat!(
        r#"{"facts":{"accounts":{"origin":"template:verify","password":[],"root":["root"]},"#,
        r#""cmdline":[{"origin":"template:verify","rule":"absent","word":"init"},"#,
        r#"{"origin":"template:kernel","rule":"present","word":"quiet"}],"#,
        r#""credentials":{"allow":["vmm.notify_socket"],"origin":"template:verify"},"#,
        r#""firewall":{"origin":"template:verify","rules":["{\"table\":{\"family\":\"ip\",\"name\":\"x\"}}"]},"#,
        r#""kernel":{"lockdown":"integrity","origin":"template:verify","taint":0},"#,
        r#""listen":{"allow":["tcp *:22","udp loopback:53"],"origin":"template:verify"},"#,
        r#""modules":{"allow":[],"deny":["usb_storage"],"origin":"template:verify"},"#,
        r#""mounts":[{"fstype":"tmpfs","options":["nodev","nosuid"],"origin":"template:verify","point":"/tmp"}],"#,
        r#""packet":{"allow":["* dhcp","88cc systemd-network"],"origin":"template:verify"},"#,
        r#""preload":{"origin":"template:verify"},"#,
        r#""startup":{"allow":["/home/*/.ssh/authorized_keys"],"origin":"template:verify"},"#,
        r#""sysctl":[{"name":"net.ipv4.ip_forward","origin":"template:kernel","value":"0"}],"#,
        r#""units":{"allow":["/run/systemd/generator/**"],"origin":"template:verify"},"#,
        r#""unix":{"allow":["/var/run/*","@name"],"origin":"template:verify"}},"#,
        r#""mutable":[],"version":1}"#,
        "\n"
    );

    #[test]
    fn facts_have_one_spelling() {
        let expectations = Expectations::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(expectations.to_bytes()).unwrap(), TEXT);
        for (from, to) in [
            ("\"nodev\",\"nosuid\"", "\"nosuid\",\"nodev\""),
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("\"tcp *:22\",", "\"tcp *:22\",\"tcp *:22\","),
            ("\"facts\":{", "\"facts\": {"),
        ] {
            assert_eq!(
                Expectations::parse(TEXT.replace(from, to).as_bytes()),
                Err(ExpectationsError::NotCanonical),
                "{to}"
            );
        }
        let empty = "{\"facts\":{},\"mutable\":[],\"version\":1}\n";
        assert_eq!(
            Expectations::parse(empty.as_bytes()),
            Err(ExpectationsError::NotCanonical)
        );
    }

    #[test]
    fn unknown_keys_and_broken_rules_are_refused() {
        for (from, to) in [
            ("\"taint\":0", "\"taint\":0,\"more\":1"),
            ("\"preload\":{", "\"preload\":{\"x\":1,"),
            ("\"units\":", "\"unit\":"),
            ("88cc", "88CC"),
            ("\"@name\"", "\"\""),
            ("integrity", "some"),
            ("tcp *:22", "tcp 22"),
            ("\"/tmp\"", "\"tmp\""),
            ("usb_storage", "usb-storage"),
        ] {
            assert!(
                matches!(
                    Expectations::parse(TEXT.replace(from, to).as_bytes()),
                    Err(ExpectationsError::Json(_))
                ),
                "{to}"
            );
        }
    }

    #[test]
    fn nothing_is_stated_twice_or_in_vain() {
        let facts = Expectations::parse(TEXT.as_bytes())
            .unwrap()
            .facts()
            .clone();
        let mut twice = facts.clone();
        twice.sysctl.extend(facts.sysctl.clone());
        assert!(matches!(twice.sorted(), Err(FactsError::Sysctl(_))));
        let mut twice = facts.clone();
        twice.mounts.extend(facts.mounts.clone());
        assert!(matches!(twice.sorted(), Err(FactsError::Mount(_))));
        let mut twice = facts.clone();
        twice.cmdline.extend(facts.cmdline.clone());
        assert!(matches!(twice.sorted(), Err(FactsError::Word(_))));
        let mut vain = facts;
        vain.kernel = vain.kernel.map(|kernel| Kernel {
            lockdown: None,
            taint: None,
            ..kernel
        });
        assert_eq!(vain.sorted(), Err(FactsError::Empty));
    }
}
