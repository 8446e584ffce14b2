//! Sets of capabilities: capabilities(7), as `CapabilityBoundingSet=` and `AmbientCapabilities=` state
//! them.

use super::words::{denial, unquoted};

/// All capabilities that Linux has, by their numbers.
const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Capabilities, as bits by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capabilities(u64);

impl Capabilities {
    /// All, also those that no kernel has yet.
    pub(super) const ALL: Self = Self(u64::MAX);
    /// None.
    pub(super) const NONE: Self = Self(0);

    /// What assignments come to that start from `initial`: nothing is denied, or nothing is given.
    ///
    /// Sets add up; after `~` they are taken away; an assignment without any known name starts anew.
    pub(super) fn of(values: &[&str], initial: Self) -> Self {
        let mut set = initial;
        for value in values {
            let (is_denial, names) = denial(value);
            let named = unquoted(names)
                .iter()
                .filter_map(|name| number(name))
                .fold(0_u64, |sum, number| {
                    sum | 1_u64.checked_shl(number).unwrap_or(0)
                });
            let anew = named == 0 || set == initial;
            set = Self(match (anew, is_denial) {
                (true, true) => !named,
                (true, false) => named,
                (false, true) => set.0 & !named,
                (false, false) => set.0 | named,
            });
        }
        set
    }

    /// Whether one of the named ones is among these.
    pub(super) fn has_any(self, names: &[&str]) -> bool {
        names.iter().filter_map(|name| number(name)).any(|number| {
            let bit = 1_u64.checked_shl(number).unwrap_or(0);
            self.0 & bit != 0
        })
    }

    /// These without the named ones.
    pub(super) fn without(self, names: &[&str]) -> Self {
        let numbers = names.iter().filter_map(|name| number(name));
        Self(numbers.fold(self.0, |set, number| {
            set & !1_u64.checked_shl(number).unwrap_or(0)
        }))
    }
}

/// The number of a capability: by its name in any case, or as it is.
fn number(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse::<u32>() {
        return (number < 64).then_some(number);
    }
    let place = NAMES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name));
    place.and_then(|place| u32::try_from(place).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_add_up_and_are_taken_away() {
        let of = |values: &[&str]| Capabilities::of(values, Capabilities::ALL);
        assert_eq!(of(&[]), Capabilities::ALL);
        assert_eq!(of(&[""]), Capabilities::NONE);
        assert_eq!(of(&["CAP_NOTHING"]), Capabilities::NONE);
        assert_eq!(of(&["", "~"]), Capabilities::ALL);
        assert_eq!(of(&["cap_chown", "5"]).0, 0b10_0001);
        assert_eq!(of(&["~CAP_CHOWN", "~CAP_KILL"]).0, !0b10_0001);
        assert_eq!(of(&["CAP_CHOWN CAP_KILL", "~CAP_KILL"]).0, 1);
        assert!(of(&["CAP_BPF"]).has_any(&["CAP_KILL", "CAP_BPF"]));
        assert!(!of(&["CAP_BPF"]).without(&["CAP_BPF"]).has_any(&["CAP_BPF"]));
        assert_eq!(
            Capabilities::of(&["CAP_KILL", ""], Capabilities::NONE),
            Capabilities::NONE
        );
    }
}
