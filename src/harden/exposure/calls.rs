//! System calls: `SystemCallFilter=`, as far as the calls are weighed.

use std::collections::BTreeSet;

use super::manager::Machine;
use super::words::denial;

/// Which of the weighed calls each group of systemd.exec(5) has, as `systemd-analyze syscall-filter`
/// lists them: the same in 252 and 257. Groups that are not here have none of them.
const GROUPS: [(&str, &[&str]); 14] = [
    ("@chown", &["chown", "fchown", "fchownat", "lchown"]),
    (
        "@clock",
        &["adjtimex", "clock_adjtime", "clock_settime", "settimeofday"],
    ),
    ("@cpu-emulation", &["modify_ldt"]),
    (
        "@debug",
        &["lookup_dcookie", "perf_event_open", "pidfd_getfd", "ptrace"],
    ),
    ("@module", &["delete_module", "finit_module", "init_module"]),
    (
        "@mount",
        &[
            "chroot",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "pivot_root",
            "umount2",
        ],
    ),
    (
        "@obsolete",
        &[
            "_sysctl",
            "afs_syscall",
            "create_module",
            "get_kernel_syms",
            "getpmsg",
            "putpmsg",
            "query_module",
            "security",
            "sysfs",
            "tuxcall",
            "uselib",
            "ustat",
            "vserver",
        ],
    ),
    (
        "@privileged",
        &[
            "_sysctl",
            "acct",
            "adjtimex",
            "bpf",
            "capset",
            "chown",
            "chroot",
            "clock_adjtime",
            "clock_settime",
            "delete_module",
            "fanotify_init",
            "fanotify_mark",
            "fchown",
            "fchownat",
            "finit_module",
            "init_module",
            "ioperm",
            "iopl",
            "kexec_file_load",
            "kexec_load",
            "lchown",
            "nfsservctl",
            "open_by_handle_at",
            "pivot_root",
            "quotactl",
            "quotactl_fd",
            "reboot",
            "setdomainname",
            "setfsuid",
            "setgroups",
            "sethostname",
            "setresuid",
            "setreuid",
            "settimeofday",
            "setuid",
            "swapoff",
            "swapon",
            "vhangup",
        ],
    ),
    ("@raw-io", &["ioperm", "iopl"]),
    ("@reboot", &["kexec_file_load", "kexec_load", "reboot"]),
    (
        "@resources",
        &[
            "ioprio_set",
            "mbind",
            "migrate_pages",
            "move_pages",
            "sched_setaffinity",
            "sched_setattr",
            "sched_setparam",
            "sched_setscheduler",
            "set_mempolicy",
            "set_mempolicy_home_node",
            "setpriority",
            "setrlimit",
        ],
    ),
    ("@setuid", &["setgroups", "setresuid", "setreuid", "setuid"]),
    ("@swap", &["swapoff", "swapon"]),
    (
        "@system-service",
        &[
            "capset",
            "chown",
            "fchown",
            "fchownat",
            "ioprio_set",
            "lchown",
            "mbind",
            "migrate_pages",
            "move_pages",
            "sched_setaffinity",
            "sched_setattr",
            "sched_setparam",
            "sched_setscheduler",
            "set_mempolicy",
            "set_mempolicy_home_node",
            "setfsuid",
            "setgroups",
            "setpriority",
            "setresuid",
            "setreuid",
            "setrlimit",
            "setuid",
        ],
    ),
];

/// Calls of x86-64 that 64-bit ARM never had.
const AMD64_ONLY: [&str; 18] = [
    "_sysctl",
    "afs_syscall",
    "chown",
    "create_module",
    "get_kernel_syms",
    "getpmsg",
    "ioperm",
    "iopl",
    "lchown",
    "modify_ldt",
    "putpmsg",
    "query_module",
    "security",
    "sysfs",
    "tuxcall",
    "uselib",
    "ustat",
    "vserver",
];

/// What assignments come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    filter: Option<Filter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    /// Whether the names are those that are allowed, not those that are denied.
    allows: bool,
    /// Whether anything was ever denied, also what is not weighed.
    denies: bool,
    /// Calls that are weighed.
    names: BTreeSet<&'static str>,
}

/// What a filter leaves of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// There is no filter.
    Unfiltered,
    /// A list of what is denied does not have all of it.
    NotDenied,
    /// A list of what is allowed has some of it.
    Allowed,
    /// Nothing.
    Nothing,
}

impl Calls {
    pub(super) fn of(values: &[&str]) -> Self {
        let mut calls = Self::default();
        for value in values {
            if value.is_empty() {
                calls.filter = None;
            } else {
                calls.add(value);
            }
        }
        calls
    }

    /// The first list says whether lists allow or deny; a later one of the other kind takes away.
    fn add(&mut self, value: &str) {
        let (is_denial, list) = denial(value);
        let filter = self.filter.get_or_insert_with(|| Filter {
            allows: !is_denial,
            denies: false,
            names: BTreeSet::new(),
        });
        for word in list.split_ascii_whitespace() {
            // `name:EPERM` says how a denied call fails; nothing allowed fails.
            let (name, error) = match word.split_once(':') {
                Some((name, error)) => (name, Some(error)),
                None => (word, None),
            };
            if error.is_some_and(|_| !is_denial) {
                continue;
            }
            filter.denies |= !filter.allows && is_denial;
            for call in weighed(name) {
                if filter.allows == is_denial {
                    filter.names.remove(call);
                } else {
                    filter.names.insert(call);
                }
            }
        }
    }

    /// What is left of a group on a machine.
    pub(super) fn left(&self, group: &str, machine: Machine) -> Left {
        let Some(filter) = &self.filter else {
            return Left::Unfiltered;
        };
        if !filter.allows && !filter.denies {
            return Left::Unfiltered;
        }
        let mut calls = weighed(group).into_iter();
        let is_left = calls.any(|call| {
            let is_there = machine == Machine::Amd64 || !AMD64_ONLY.contains(&call);
            is_there && filter.names.contains(call) == filter.allows
        });
        match (is_left, filter.allows) {
            (false, _) => Left::Nothing,
            (true, true) => Left::Allowed,
            (true, false) => Left::NotDenied,
        }
    }
}

/// The weighed calls that a name stands for: a group's, all, or one.
fn weighed(name: &str) -> Vec<&'static str> {
    if let Some((_, calls)) = GROUPS.iter().find(|(group, _)| *group == name) {
        return calls.to_vec();
    }
    let all = GROUPS.iter().flat_map(|(_, calls)| calls.iter().copied());
    all.filter(|call| name == "@known" || *call == name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(values: &[&str], group: &str) -> Left {
        Calls::of(values).left(group, Machine::Amd64)
    }

    #[test]
    fn lists_allow_or_deny() {
        assert_eq!(left(&[], "@swap"), Left::Unfiltered);
        assert_eq!(left(&["@system-service", ""], "@swap"), Left::Unfiltered);
        assert_eq!(left(&["@system-service"], "@swap"), Left::Nothing);
        assert_eq!(left(&["@system-service"], "@resources"), Left::Allowed);
        let both = ["@system-service", "~@resources"];
        assert_eq!(left(&both, "@resources"), Left::Nothing);
        assert_eq!(left(&["~@swap"], "@swap"), Left::Nothing);
        assert_eq!(left(&["~swapon"], "@swap"), Left::NotDenied);
        assert_eq!(left(&["~swapon:EPERM swapoff:1"], "@swap"), Left::Nothing);
        assert_eq!(left(&["read swapon:EPERM"], "@swap"), Left::Nothing);
        assert_eq!(left(&["@known", "~@mount"], "@swap"), Left::Allowed);
        assert_eq!(left(&["~@raw-io", "iopl"], "@raw-io"), Left::NotDenied);
    }

    #[test]
    fn a_machine_without_the_calls_of_a_group_leaves_nothing_of_it() {
        let arm = |values: &[&str]| Calls::of(values).left("@raw-io", Machine::Arm64);
        assert_eq!(arm(&["~@aio"]), Left::Nothing);
        assert_eq!(arm(&["@known"]), Left::Nothing);
        assert_eq!(arm(&[]), Left::Unfiltered);
    }
}
