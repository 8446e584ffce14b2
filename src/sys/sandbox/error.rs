//! Why no sandbox can be made here.

use serde::{Deserialize, Serialize};

/// The rule of this machine that stands against a sandbox.
///
/// Each variant has one next step; the command line shows it (`cli::failure`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SandboxError {
    /// Ubuntu's `AppArmor` rule: user namespaces without capabilities for programs that have no
    /// profile (`kernel.apparmor_restrict_unprivileged_userns`).
    #[error(
        "AppArmor forbids user namespaces to programs without a profile \
         (kernel.apparmor_restrict_unprivileged_userns = 1)"
    )]
    AppArmor,
    /// Inside a chroot(2) the kernel makes no user namespace, not even for root.
    #[error("this is a chroot, and inside one the kernel makes no user namespaces")]
    Chroot,
    /// The worker ended without an answer.
    #[error("the worker process ended early: {message}")]
    Ended {
        /// How it ended.
        message: String,
    },
    /// Root has too few ids of its own, as happens inside containers.
    #[error("{file} gives this container {found} ids where {wanted} are needed")]
    FewIds {
        /// `/proc/self/uid_map` or `/proc/self/gid_map`.
        file: String,
        /// How many ids there are.
        found: u64,
        /// How many are needed.
        wanted: u64,
    },
    /// The id map was refused.
    #[error("the id map was refused: {message}")]
    Map {
        /// By whom, and what was said.
        message: String,
    },
    /// A mount that the sandbox needs was refused, as happens inside containers.
    #[error("mounting {what} was refused: {message}")]
    Mount {
        /// What should have been mounted.
        what: String,
        /// What the kernel said.
        message: String,
    },
    /// There are as many namespaces as a setting allows, which may be none.
    #[error("{}", limit_text(.setting, *.limit))]
    NamespaceLimit {
        /// The sysctl.
        setting: String,
        /// Its value, where it is known.
        limit: Option<u64>,
    },
    /// `newuidmap` or `newgidmap` is not installed.
    #[error("{program} is neither on PATH nor in /usr/bin")]
    NoMapper {
        /// Which program.
        program: String,
    },
    /// `no_new_privs` is set, so that the mapper's set-user-ID bit does not count.
    #[error(
        "{program} cannot become root: this process has no_new_privs set \
         (NoNewPrivs in /proc/self/status)"
    )]
    NoNewPrivileges {
        /// Which program.
        program: String,
    },
    /// The user has no range of subordinate ids, or too small a one.
    #[error("{file} allots user '{user}' {found} ids where {wanted} are needed")]
    NoSubordinateIds {
        /// `/etc/subuid` or `/etc/subgid`.
        file: String,
        /// Who was looked up.
        user: String,
        /// How many ids it allots.
        found: u64,
        /// How many are needed.
        wanted: u64,
        /// The first id that is free in both files, for the next step.
        free: u64,
    },
    /// A user namespace cannot be made at all.
    #[error("this machine allows no user namespaces: {reason}")]
    NoUserNamespaces {
        /// What the kernel answered.
        reason: String,
    },
    /// The mapper has neither its set-user-ID bit nor a capability.
    #[error("{program} has neither a set-user-ID bit nor a capability that counts where it lies")]
    NotSetUserId {
        /// Which program.
        program: String,
    },
    /// Debian's setting that keeps user namespaces to root.
    #[error("only root may make user namespaces (kernel.unprivileged_userns_clone = 0)")]
    RootOnly,
    /// A seccomp filter, as container engines have, refuses user namespaces.
    #[error("a seccomp filter refuses user namespaces: {answer}")]
    Seccomp {
        /// What it answered.
        answer: String,
    },
    /// Another step of the set-up failed.
    #[error("cannot {step}: {message}")]
    Step {
        /// Which step.
        step: String,
        /// What the system said.
        message: String,
    },
}

impl SandboxError {
    /// Ties an answer of the system to a step.
    pub(crate) fn step(step: &str, error: impl std::fmt::Display) -> Self {
        Self::Step {
            step: step.to_owned(),
            message: error.to_string(),
        }
    }

    /// What to do about it: where there is one, the very command.
    pub fn next_step(&self) -> String {
        let fixed = match self {
            Self::AppArmor => {
                "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (and the same \
                 line in /etc/sysctl.d/ to keep it); or allow karat alone: write 'abi <abi/4.0>, \
                 profile karat /PATH/TO/karat flags=(unconfined) { userns, }' to \
                 /etc/apparmor.d/karat and run apparmor_parser -r /etc/apparmor.d/karat; or build \
                 as root"
            }
            Self::Chroot => {
                "build outside of it, or enter the directory with a root of its own: \
                 unshare --mount --root=DIR after mounting DIR onto itself, or systemd-nspawn -D DIR"
            }
            Self::Ended { .. } => {
                "if it was killed, the machine may have run out of memory: dmesg says so"
            }
            Self::FewIds { .. } => {
                "start the container with at least 65536 ids: podman run --userns=auto:size=65536, \
                 or a larger userns-remap range for docker"
            }
            Self::Map { .. } => {
                "check that /etc/subuid and /etc/subgid allot this user ids that exist here; in a \
                 container, start it with at least 65536 ids"
            }
            Self::Mount { .. } => {
                "inside a container, start it with an unmasked /proc (docker run --security-opt \
                 systempaths=unconfined, podman run --security-opt unmask=ALL) and with \
                 --cap-add SYS_ADMIN, or build outside it"
            }
            Self::NamespaceLimit { setting, .. } if setting.contains('*') => {
                "as root, on the machine and not in a container: raise what 'sysctl -a --pattern \
                 max_.*_namespaces' shows as used up, or wait until other sandboxes have ended"
            }
            Self::NamespaceLimit { setting, .. } => {
                return format!(
                    "as root, on the machine and not in a container: sysctl -w {setting}=15000 \
                     (and the same line in /etc/sysctl.d/ to keep it)"
                );
            }
            Self::NoMapper { .. } => {
                "install it: apt-get install uidmap (Debian, Ubuntu), dnf install shadow-utils \
                 (Fedora); or build as root"
            }
            Self::NoNewPrivileges { .. } => {
                "start karat without it: NoNewPrivileges=no in a systemd unit, no \
                 --security-opt no-new-privileges for a container; or build as root"
            }
            Self::NoSubordinateIds {
                file,
                user,
                free,
                wanted,
                ..
            } => {
                let last = free.saturating_add(*wanted).saturating_sub(1);
                if last > u64::from(u32::MAX) {
                    return format!("allot user '{user}' a free range of {wanted} ids in {file}");
                }
                let option = if file.ends_with("subgid") {
                    "--add-subgids"
                } else {
                    "--add-subuids"
                };
                return format!("as root: usermod {option} {free}-{last} {user}");
            }
            Self::NoUserNamespaces { .. } => {
                "build on a machine whose kernel has CONFIG_USER_NS; in a container, allow \
                 unshare(2) with CLONE_NEWUSER"
            }
            Self::NotSetUserId { program } => {
                return format!(
                    "as root: chmod u+s {program}; where it lies on a file system that is mounted \
                     nosuid, install it elsewhere; or build as root"
                );
            }
            Self::RootOnly => {
                "as root: sysctl -w kernel.unprivileged_userns_clone=1 (and the same line in \
                 /etc/sysctl.d/ to keep it); or build as root"
            }
            Self::Seccomp { .. } => {
                "start the container with --security-opt seccomp=unconfined, or with a profile \
                 that allows unshare, clone, mount and pivot_root; or build outside it"
            }
            Self::Step { .. } => "the message above is the kernel's own answer",
        };
        fixed.to_owned()
    }
}

fn limit_text(setting: &str, limit: Option<u64>) -> String {
    match limit {
        Some(0) => format!("this machine allows no namespaces ({setting} = 0)"),
        Some(limit) => {
            format!("there are as many namespaces as this machine allows ({setting} = {limit})")
        }
        None => format!("there are as many namespaces as this machine allows ({setting})"),
    }
}
