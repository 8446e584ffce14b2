//! Which of two sandboxes is the stronger one, directive by directive.

use std::collections::BTreeSet;

/// How the values of a directive compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Words, the weakest first; other words stand between the first and the last.
    Scale(&'static [&'static str]),
    /// Bits that are taken away: octal numbers.
    Mask,
    /// A set of capabilities that are left.
    Capabilities,
    /// What is allowed, or after `~` denied.
    Filter,
    /// What adds up, and takes away.
    Adds,
    /// What adds up, and gives: it is written, but nothing is lost where it is not there.
    Gives,
    /// The last value counts.
    Last,
}

const SWITCH: Way = Way::Scale(&["no", "yes"]);

fn way(key: &str) -> Way {
    match key {
        "LockPersonality"
        | "MemoryDenyWriteExecute"
        | "NoNewPrivileges"
        | "PrivateDevices"
        | "PrivateIPC"
        | "PrivateMounts"
        | "PrivateNetwork"
        | "PrivateUsers"
        | "ProtectClock"
        | "ProtectControlGroups"
        | "ProtectHostname"
        | "ProtectKernelLogs"
        | "ProtectKernelModules"
        | "ProtectKernelTunables"
        | "RemoveIPC"
        | "RestrictNamespaces"
        | "RestrictRealtime"
        | "RestrictSUIDSGID" => SWITCH,
        "PrivateTmp" => Way::Scale(&["no", "yes", "disconnected"]),
        "ProtectSystem" => Way::Scale(&["no", "yes", "full", "strict"]),
        "ProtectHome" => Way::Scale(&["no", "read-only", "tmpfs", "yes"]),
        "ProtectProc" => Way::Scale(&["default", "noaccess", "invisible", "ptraceable"]),
        "ProcSubset" => Way::Scale(&["all", "pid"]),
        "DevicePolicy" => Way::Scale(&["auto", "closed", "strict"]),
        "SystemCallArchitectures" => Way::Scale(&["", "native"]),
        "UMask" => Way::Mask,
        "CapabilityBoundingSet" => Way::Capabilities,
        "RestrictAddressFamilies" | "SystemCallFilter" => Way::Filter,
        "InaccessiblePaths" | "IPAddressDeny" | "NoExecPaths" | "ReadOnlyPaths"
        | "SocketBindDeny" => Way::Adds,
        "ReadWritePaths" | "IPAddressAllow" | "SocketBindAllow" => Way::Gives,
        _ => Way::Last,
    }
}

/// Whether what a unit `stands` with is at least as strong as what is `wanted`. Both are all
/// assignments in order; an empty one starts anew.
pub(super) fn holds(key: &str, stands: &[&str], wanted: &[String]) -> bool {
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    match way(key) {
        Way::Scale(scale) => rank(scale, last(stands)) >= rank(scale, last(&wanted)),
        Way::Mask => mask(&wanted) & !mask(stands) == 0,
        Way::Capabilities => {
            Allowed::capabilities(stands).is_within(&Allowed::capabilities(&wanted))
        }
        Way::Filter => Allowed::filter(stands).is_within(&Allowed::filter(&wanted)),
        Way::Adds => words(&wanted).is_subset(&words(stands)),
        Way::Gives => true,
        Way::Last => last(stands) == last(&wanted),
    }
}

/// The values to write after those that a unit `stands` with, so that nothing that it has is weakened
/// and what is `wanted` holds; none where it holds already.
pub(super) fn merged(key: &str, stands: &[&str], wanted: &[String]) -> Vec<String> {
    let is_gift = way(key) == Way::Gives;
    if (holds(key, stands, wanted) && !is_gift) || (way(key) == Way::Last && !stands.is_empty()) {
        return Vec::new();
    }
    let texts: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let (own, ours) = match way(key) {
        Way::Capabilities => (Allowed::capabilities(stands), Allowed::capabilities(&texts)),
        Way::Filter => (Allowed::filter(stands), Allowed::filter(&texts)),
        Way::Mask => return vec![format!("{:04o}", mask(stands) | mask(&texts))],
        Way::Scale(_) | Way::Adds | Way::Gives | Way::Last => return wanted.to_vec(),
    };
    match (own, ours) {
        (Allowed::Only(own, mut not), Allowed::Only(ours, more)) => {
            let both: BTreeSet<String> = own.intersection(&ours).cloned().collect();
            not.extend(more);
            let none = if key == "RestrictAddressFamilies" {
                "none"
            } else {
                ""
            };
            let mut lines = vec![String::new()];
            // A group of system calls may hold what the other names one by one: then the rule's own.
            match (
                both.is_empty(),
                way(key) == Way::Filter && key == "SystemCallFilter",
            ) {
                (true, true) => lines.push(join(&ours)),
                (true, false) if none.is_empty() => {}
                (true, false) => lines.push(none.to_owned()),
                (false, _) => lines.push(join(&both)),
            }
            lines.extend(denial(&not));
            lines
        }
        (Allowed::Only(..), Allowed::AllBut(not)) => denial(&not).into_iter().collect(),
        (Allowed::AllBut(not), Allowed::Only(..)) if !not.is_empty() => {
            let mut lines = vec![String::new()];
            lines.extend(wanted.iter().cloned());
            lines.extend(denial(&not));
            lines
        }
        (Allowed::AllBut(_), _) => wanted.to_vec(),
    }
}

/// A directive and a value that take all of it away, where there is one.
#[cfg(test)]
pub(super) fn weakest(key: &str) -> Option<(&str, &'static str)> {
    match way(key) {
        Way::Scale(scale) => Some((key, scale[0])),
        Way::Mask => Some((key, "0000")),
        Way::Capabilities => Some((key, "~")),
        Way::Filter | Way::Adds | Way::Gives | Way::Last => None,
    }
}

/// What is left to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// These, but not those.
    Only(BTreeSet<String>, BTreeSet<String>),
    /// Everything but these.
    AllBut(BTreeSet<String>),
}

impl Allowed {
    /// Sets of capabilities add up; after `~` they are taken away; nothing at all leaves none.
    fn capabilities(values: &[&str]) -> Self {
        let mut left = Self::AllBut(BTreeSet::new());
        for value in values {
            let (is_denial, names) = split(value);
            left = match (left, is_denial) {
                (_, false) if names.is_empty() => Self::Only(names, BTreeSet::new()),
                (_, true) if names.is_empty() => Self::AllBut(names),
                (Self::AllBut(not), false) if not.is_empty() => Self::Only(names, BTreeSet::new()),
                (Self::AllBut(not), false) => {
                    Self::AllBut(not.difference(&names).cloned().collect())
                }
                (Self::AllBut(mut not), true) => {
                    not.extend(names);
                    Self::AllBut(not)
                }
                (Self::Only(set, _), true) => {
                    Self::Only(set.difference(&names).cloned().collect(), BTreeSet::new())
                }
                (Self::Only(mut set, _), false) => {
                    set.extend(names);
                    Self::Only(set, BTreeSet::new())
                }
            };
        }
        left
    }

    /// The first value says whether it is a list of what is allowed or of what is denied; nothing at
    /// all starts anew; `none` allows nothing.
    fn filter(values: &[&str]) -> Self {
        let mut left = Self::AllBut(BTreeSet::new());
        let mut is_new = true;
        for value in values {
            let (is_denial, names) = split(value);
            if !is_denial && names.is_empty() {
                (left, is_new) = (Self::AllBut(BTreeSet::new()), true);
                continue;
            }
            let names: BTreeSet<String> = names.into_iter().filter(|name| name != "none").collect();
            if is_new && !is_denial {
                left = Self::Only(BTreeSet::new(), BTreeSet::new());
            }
            is_new = false;
            match (&mut left, is_denial) {
                (Self::Only(set, not), false) => {
                    not.retain(|name| !names.contains(name));
                    set.extend(names);
                }
                (Self::Only(set, not), true) => {
                    set.retain(|name| !names.contains(name));
                    not.extend(names);
                }
                (Self::AllBut(not), true) => not.extend(names),
                (Self::AllBut(not), false) => not.retain(|name| !names.contains(name)),
            }
        }
        left
    }

    /// Whether nothing is left to this one that is not left to `other`, as far as names tell.
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only(set, not), Self::Only(limit, without)) => {
                let gone: BTreeSet<String> = not.iter().cloned().collect();
                set.is_subset(limit) && (without.is_subset(&gone) || set.is_empty())
            }
            (Self::Only(set, not), Self::AllBut(without)) => without.iter().all(|name| {
                not.contains(name) || (!set.contains(name) && !is_in_groups(set, name))
            }),
            (Self::AllBut(not), Self::AllBut(without)) => without.is_subset(not),
            (Self::AllBut(_), Self::Only(..)) => false,
        }
    }
}

/// Whether one of the groups of system calls may hold calls of the group `name`.
fn is_in_groups(set: &BTreeSet<String>, name: &str) -> bool {
    // What systemd's own @system-service leaves out (systemd.exec(5)).
    const LEFT_OUT: [&str; 9] = [
        "@clock",
        "@cpu-emulation",
        "@debug",
        "@module",
        "@mount",
        "@obsolete",
        "@raw-io",
        "@reboot",
        "@swap",
    ];
    let is_apart = |group: &str| group == "@system-service" && LEFT_OUT.contains(&name);
    set.iter()
        .any(|group| group.starts_with('@') && !is_apart(group))
}

fn split(value: &str) -> (bool, BTreeSet<String>) {
    let (is_denial, rest) = match value.strip_prefix('~') {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    (
        is_denial,
        rest.split_whitespace().map(str::to_owned).collect(),
    )
}

fn denial(names: &BTreeSet<String>) -> Option<String> {
    (!names.is_empty()).then(|| format!("~{}", join(names)))
}

fn join(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// All words since the last empty value.
fn words(values: &[&str]) -> BTreeSet<String> {
    let start = values.iter().rposition(|value| value.is_empty());
    let since = values.get(start.map_or(0, |at| at.saturating_add(1))..);
    let since = since.unwrap_or_default().iter();
    since
        .flat_map(|value| value.split_whitespace())
        .map(str::to_owned)
        .collect()
}

fn last<'v>(values: &[&'v str]) -> &'v str {
    values.last().copied().unwrap_or_default()
}

/// The place of a word on a scale; nothing said is the weakest, another word just above it.
fn rank(scale: &[&str], word: &str) -> usize {
    let word = match word.to_ascii_lowercase().as_str() {
        "1" | "on" | "true" | "t" | "y" => "yes".to_owned(),
        "0" | "off" | "false" | "f" | "n" => "no".to_owned(),
        other => other.to_owned(),
    };
    let place = scale.iter().position(|known| *known == word);
    let other = usize::from(!word.is_empty() && scale.len() > 2);
    place.unwrap_or(other)
}

/// The bits that new files do not get; systemd's own is 0022 (systemd.exec(5)).
fn mask(values: &[&str]) -> u32 {
    u32::from_str_radix(last(values), 8).unwrap_or(0o022)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(key: &str, stands: &[&str], wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|it| (*it).to_owned()).collect();
        let lines = merged(key, stands, &wanted);
        // Whatever stood there: what is written makes it hold, and once more writes nothing.
        let all: Vec<&str> = stands
            .iter()
            .copied()
            .chain(lines.iter().map(String::as_str))
            .collect();
        if way(key) != Way::Last {
            assert!(holds(key, &all, &wanted), "{key}: {all:?} {wanted:?}");
        }
        lines
    }

    #[test]
    fn words_of_a_scale() {
        assert_eq!(merge("ProtectSystem", &["full"], &["strict"]), ["strict"]);
        assert!(merge("ProtectSystem", &["strict"], &["full"]).is_empty());
        assert!(merge("NoNewPrivileges", &["true"], &["yes"]).is_empty());
        assert_eq!(merge("NoNewPrivileges", &["yes", "no"], &["yes"]), ["yes"]);
        assert!(merge("PrivateTmp", &["disconnected"], &["yes"]).is_empty());
        assert_eq!(merge("RestrictNamespaces", &["~user"], &["yes"]), ["yes"]);
        assert_eq!(merge("UMask", &["0027"], &["0066"]), ["0067"]);
    }

    #[test]
    fn capabilities_are_those_of_both() {
        let key = "CapabilityBoundingSet";
        assert_eq!(merge(key, &[], &["CAP_A CAP_B"]), ["CAP_A CAP_B"]);
        assert_eq!(
            merge(key, &["CAP_B CAP_C"], &["CAP_A CAP_B"]),
            ["", "CAP_B"]
        );
        assert!(merge(key, &["CAP_A"], &["CAP_A CAP_B"]).is_empty());
        assert_eq!(merge(key, &["CAP_C"], &["CAP_A"]), [""]);
        assert_eq!(merge(key, &[], &["~CAP_A"]), ["~CAP_A"]);
        assert_eq!(merge(key, &["CAP_A CAP_B"], &["~CAP_A"]), ["~CAP_A"]);
        assert_eq!(merge(key, &["CAP_A"], &[""]), [""]);
    }

    #[test]
    fn filters_only_become_narrower() {
        let key = "SystemCallFilter";
        assert_eq!(
            merge(key, &[], &["@system-service", "~@resources"]),
            ["@system-service", "~@resources"]
        );
        assert_eq!(
            merge(
                key,
                &["@system-service"],
                &["@system-service", "~@resources"]
            ),
            ["", "@system-service", "~@resources"]
        );
        assert_eq!(
            merge(key, &["@system-service", "~@chown"], &["@system-service"]),
            Vec::<String>::new()
        );
        assert_eq!(
            merge(key, &["~@clock"], &["@system-service"]),
            ["", "@system-service", "~@clock"]
        );
        assert!(merge(key, &["@system-service"], &["~@clock @swap"]).is_empty());
        assert_eq!(
            merge(key, &["@system-service"], &["~@resources"]),
            ["~@resources"]
        );
        let key = "RestrictAddressFamilies";
        assert_eq!(
            merge(key, &["AF_UNIX AF_INET"], &["AF_UNIX AF_NETLINK"]),
            ["", "AF_UNIX"]
        );
        assert_eq!(merge(key, &["AF_UNIX"], &["AF_INET"]), ["", "none"]);
        assert!(merge(key, &["none"], &["AF_UNIX"]).is_empty());
    }

    #[test]
    fn what_is_given_weakens_nothing() {
        assert_eq!(merge("ReadWritePaths", &["/a"], &["/b"]), ["/b"]);
        assert!(holds("ReadWritePaths", &[], &["/b".to_owned()]));
        assert_eq!(merge("IPAddressDeny", &[], &["any"]), ["any"]);
        assert!(merge("IPAddressDeny", &["any"], &["any"]).is_empty());
    }
}
