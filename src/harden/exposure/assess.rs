//! What an assessment says of a service, and what all of them sum up to.

use super::calls::{Calls, Left};
use super::capability::Capabilities;
use super::family::{Families, Family};
use super::identity::Identity;
use super::service::Service;
use super::table::TABLE;
use crate::segment::Exposure;

/// One thing that is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assessment {
    /// How much it counts.
    weight: u64,
    /// The worst that it can be.
    range: u64,
    /// What is looked at.
    check: Check,
    /// Whether it says nothing of what starts while the system comes up.
    late: bool,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    Addresses,
    Ambient,
    Architectures,
    Calls(&'static str),
    Capability(&'static [&'static str]),
    Delegate,
    Devices,
    Family(Family),
    Groups,
    Home,
    Identity,
    Keyring,
    Mask,
    Namespace(&'static str),
    Notify,
    OwnRoot,
    ProcSubset,
    Processes,
    RemoveIpc,
    Switch(&'static str),
    System,
}

/// An assessment of every service.
pub(super) const fn always(weight: u64, range: u64, check: Check) -> Assessment {
    Assessment {
        weight,
        range,
        check,
        late: false,
    }
}

/// An assessment of services that start once the system is up.
pub(super) const fn late(weight: u64, range: u64, check: Check) -> Assessment {
    Assessment {
        weight,
        range,
        check,
        late: true,
    }
}

/// What all assessments sum up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rating {
    badness: u64,
    weight: u64,
}

impl Rating {
    /// Rates a service.
    pub(super) fn of(service: &Service<'_>) -> Self {
        let mut rating = Self {
            badness: 0,
            weight: 0,
        };
        let is_early = service.is_early();
        let sets = Sets {
            bounding: service.bounding_set(),
            calls: service.calls(),
            families: service.families(),
        };
        for it in &TABLE {
            if it.late && is_early {
                continue;
            }
            if let Some(badness) = badness(it.check, service, &sets) {
                let share = badness.saturating_mul(it.weight).div_ceil(it.range);
                rating.badness = rating.badness.saturating_add(share);
                rating.weight = rating.weight.saturating_add(it.weight);
            }
        }
        rating
    }

    /// The exposure: the share of what is bad, in tenths of ten, rounded up.
    pub(super) fn exposure(self) -> Exposure {
        let tenths = self.share(100);
        let tenths = u8::try_from(tenths).ok().and_then(Exposure::from_tenths);
        tenths.unwrap_or(Exposure::MOST)
    }

    /// The share of what is bad, in so many parts, rounded up.
    pub(super) fn share(self, parts: u64) -> u64 {
        // Many assessments apply to every service: there is always some weight.
        self.badness
            .saturating_mul(parts)
            .div_ceil(self.weight.max(1))
    }
}

/// What many assessments look at, read once.
struct Sets {
    bounding: Capabilities,
    calls: Calls,
    families: Families,
}

/// How bad a service is, from 0 to the range of the assessment; `None`: it does not matter.
fn badness(check: Check, service: &Service<'_>, sets: &Sets) -> Option<u64> {
    let open = |is_open: bool| Some(u64::from(is_open));
    match check {
        Check::Addresses => Some(addresses(service)),
        Check::Ambient => open(service.ambient_set() != Capabilities::NONE),
        Check::Architectures => {
            let names = service.architectures();
            let mut names = names.iter().map(String::as_str);
            Some(match (names.next(), names.next()) {
                (None, _) => 10,
                (Some("native"), None) => 0,
                (Some(_), _) => 8,
            })
        }
        Check::Calls(group) => Some(match sets.calls.left(group, service.manager.machine) {
            Left::Unfiltered | Left::NotDenied => 10,
            Left::Allowed => 9,
            Left::Nothing => 0,
        }),
        Check::Capability(names) => open(sets.bounding.has_any(names)),
        Check::Delegate => open(service.delegates()),
        Check::Devices => Some(match service.devices() {
            (false, _) => 10,
            (true, true) => 5,
            (true, false) => 0,
        }),
        Check::Family(family) => open(!sets.families.restricts(family)),
        Check::Groups => is_unprivileged(service).then(|| u64::from(service.has_groups())),
        Check::Home => Some(
            match service.switch_or("ProtectHome", &["read-only", "tmpfs"]) {
                "yes" => 0,
                "tmpfs" => 1,
                "read-only" => 5,
                _ => 10,
            },
        ),
        Check::Identity => Some(match service.identity() {
            Identity::Root => 10,
            Identity::Nobody => 9,
            Identity::Other => 0,
        }),
        Check::Keyring => {
            let mode = service.word("KeyringMode", &["inherit", "private", "shared"]);
            open(mode.is_some_and(|mode| mode != "private"))
        }
        Check::Mask => {
            let mask = service.umask();
            // Others write, others read, the group writes, the group reads.
            let bits = [(0o002, 10), (0o004, 5), (0o020, 2), (0o040, 1)];
            let mut given = bits.into_iter().filter(|(bit, _)| mask & bit == 0);
            Some(given.next().map_or(0, |(_, badness)| badness))
        }
        Check::Namespace(kind) => open(service.may_unshare(kind)),
        Check::Notify => {
            let access = service.word("NotifyAccess", &["none", "main", "exec", "all"]);
            open(access == Some("all"))
        }
        Check::OwnRoot => open(!service.has_own_root()),
        Check::ProcSubset => open(service.word("ProcSubset", &["all", "pid"]) != Some("pid")),
        Check::Processes => {
            let words = ["default", "noaccess", "invisible", "ptraceable"];
            Some(match service.word("ProtectProc", &words) {
                Some("invisible" | "ptraceable") => 0,
                Some("noaccess") => 1,
                _ => 3,
            })
        }
        Check::RemoveIpc => {
            is_unprivileged(service).then(|| u64::from(!service.is_on("RemoveIPC")))
        }
        Check::Switch(key) => open(!service.is_on(key)),
        Check::System => Some(
            match service.switch_or("ProtectSystem", &["full", "strict"]) {
                "strict" => 0,
                "full" => 3,
                "yes" => 5,
                _ => 10,
            },
        ),
    }
}

/// Whether it runs as somebody whose groups and leftovers matter.
fn is_unprivileged(service: &Service<'_>) -> bool {
    service.identity() != Identity::Root
}

fn addresses(service: &Service<'_>) -> u64 {
    let (denied, allowed) = (service.denied_addresses(), service.allowed_addresses());
    if service.filters_packets() {
        0
    } else if !(denied.all_v4 && denied.all_v6) {
        10
    } else if allowed.other {
        5
    } else if allowed.own {
        2
    } else {
        0
    }
}
