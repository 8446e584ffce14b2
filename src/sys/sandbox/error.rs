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
    /// A user namespace cannot be made at all.
    #[error("this machine allows no user namespaces: {reason}")]
    NoUserNamespaces {
        /// Which setting says so, and what the kernel answered.
        reason: String,
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
    },
    /// `newuidmap` or `newgidmap` is not installed.
    #[error("{program} is not installed")]
    NoMapper {
        /// Which program.
        program: String,
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
    /// Another step of the set-up failed.
    #[error("cannot {step}: {message}")]
    Step {
        /// Which step.
        step: String,
        /// What the system said.
        message: String,
    },
    /// The worker ended without an answer.
    #[error("the worker process ended early: {message}")]
    Ended {
        /// How it ended.
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

    /// What to do about it.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::AppArmor => {
                "run 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' as root, give karat \
                 an AppArmor profile with 'userns,', or build as root"
            }
            Self::NoUserNamespaces { .. } => {
                "raise user.max_user_namespaces and set kernel.unprivileged_userns_clone=1 where it \
                 exists; in a container, allow user namespaces in its seccomp profile"
            }
            Self::NoSubordinateIds { .. } => {
                "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"
            }
            Self::NoMapper { .. } => "install the package uidmap, or build as root",
            Self::Map { .. } => {
                "check that newuidmap is set-user-ID root and that /etc/subuid and /etc/subgid name \
                 this user; in a container, start it with at least 65536 ids"
            }
            Self::Mount { .. } => {
                "inside a container, start it with an unmasked /proc \
                 (--security-opt systempaths=unconfined) and CAP_SYS_ADMIN, or build outside it"
            }
            Self::Step { .. } => "the message above is the kernel's own answer",
            Self::Ended { .. } => "if it was killed, the machine may have run out of memory",
        }
    }
}
