//! Which directives would lower an exposure: each is tried alone, and measured.

use std::collections::BTreeSet;

use super::assess::Rating;
use super::manager::Manager;
use super::service::Service;
use crate::harden::systemd::{Unit, UnitName};
use crate::limits;
use crate::segment::Exposure;

/// A directive that a service does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The line: `PrivateTmp=yes`.
    pub directive: String,
    /// How exposed the service would be with this one line more.
    pub exposure: Exposure,
}

/// Parts into which exposures are divided to tell directives apart that come to the same tenth.
const FINE: u64 = 1_000_000;

/// What is tried. Those that take away only what hardly any service needs come first among equals.
const DIRECTIVES: [(&str, &str); 40] = [
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateMounts", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectProc", "invisible"),
    ("ProcSubset", "pid"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    (
        "SystemCallFilter",
        "~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap",
    ),
    ("SystemCallFilter", "~@privileged @resources"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ("RestrictAddressFamilies", "AF_NETLINK AF_UNIX"),
    ("RestrictAddressFamilies", "AF_UNIX"),
    ("CapabilityBoundingSet", ""),
    ("CapabilityBoundingSet", "~CAP_SYS_ADMIN CAP_SYS_PTRACE"),
    ("AmbientCapabilities", ""),
    ("UMask", "0077"),
    ("DevicePolicy", "closed"),
    ("DynamicUser", "yes"),
    ("PrivateNetwork", "yes"),
    ("PrivateUsers", "yes"),
    ("IPAddressDeny", "any"),
    ("KeyringMode", "private"),
    ("NotifyAccess", "main"),
    ("Delegate", "no"),
    ("RemoveIPC", "yes"),
    ("SupplementaryGroups", ""),
];

/// The directives that lower the exposure of a unit, the best first.
pub(super) fn advice(unit: &Unit, name: &UnitName, manager: Manager) -> Vec<Advice> {
    let rate = |unit: &Unit| Rating::of(&Service::new(unit, name, manager));
    let before = rate(unit).share(FINE);
    let mut found = Vec::new();
    for (key, value) in DIRECTIVES {
        let after = rate(&unit.with("Service", key, value));
        if after.share(FINE) < before {
            found.push((after, key, format!("{key}={value}")));
        }
    }
    // Of several values of one directive the best.
    found.sort_by_key(|(after, _, _)| after.share(FINE));
    let mut keys = BTreeSet::new();
    found.retain(|(_, key, _)| keys.insert(*key));
    found.truncate(limits::ADVICE_MAX);
    let found = found.into_iter();
    found
        .map(|(after, _, directive)| Advice {
            directive,
            exposure: after.exposure(),
        })
        .collect()
}

/// The first few in one line, each with what it comes to.
pub(super) fn shown(advice: &[Advice]) -> String {
    let few = advice.iter().take(3);
    let few: Vec<String> = few
        .map(|it| format!("{} ({})", it.directive, it.exposure))
        .collect();
    few.join(", ")
}
