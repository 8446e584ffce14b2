//! System calls that do not do for scripts what they do elsewhere (seccomp(2)).
//!
//! - A socket to the kernel's audit system is refused. It is the machine's, not the image's, and in
//!   a pid namespace it takes questions without ever answering them: `auditctl -s`, which auditd's
//!   own postinst runs, waits eight seconds for nothing. A kernel without auditing answers with
//!   `EPROTONOSUPPORT`, and every program of libaudit knows what that means.
//! - Flushing to the disk succeeds and does nothing. The root is thrown away unless all of it is
//!   captured, so that no crash can show what was not flushed; and `sync(1)` would flush the whole
//!   machine, of which the sandbox is no part.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use super::error::SandboxError;

/// `AF_NETLINK` (netlink(7)).
const AF_NETLINK: u64 = 16;
/// `NETLINK_AUDIT` (netlink(7)).
const NETLINK_AUDIT: u64 = 9;
/// `EPROTONOSUPPORT` (errno(3)).
const EPROTONOSUPPORT: u32 = 93;

/// Changes these system calls for this process and all that come from it.
///
/// # Errors
/// The kernel takes no filter.
pub(super) fn apply() -> Result<(), SandboxError> {
    let Some(machine) = Machine::here() else {
        // Elsewhere scripts only take longer.
        return Ok(());
    };
    let refused = |error: String| SandboxError::step("set a seccomp filter", error);
    for program in [machine.no_audit(), machine.no_flush()] {
        let program = program.map_err(|error| refused(error.to_string()))?;
        apply_filter(&program).map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}

/// An architecture and its numbers of system calls.
struct Machine {
    arch: TargetArch,
    socket: i64,
    /// `sync`, `fsync`, `fdatasync`, `sync_file_range`, `syncfs`.
    flushes: [i64; 5],
}

impl Machine {
    fn here() -> Option<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Some(Self {
                arch: TargetArch::aarch64,
                socket: 198,
                flushes: [81, 82, 83, 84, 267],
            }),
            "x86_64" => Some(Self {
                arch: TargetArch::x86_64,
                socket: 41,
                flushes: [162, 74, 75, 277, 306],
            }),
            _ => None,
        }
    }

    fn no_audit(&self) -> Result<BpfProgram, BackendError> {
        let is = |argument, value| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
        };
        let rule = SeccompRule::new(vec![is(0, AF_NETLINK)?, is(2, NETLINK_AUDIT)?])?;
        let rules = BTreeMap::from([(self.socket, vec![rule])]);
        self.program(rules, EPROTONOSUPPORT)
    }

    fn no_flush(&self) -> Result<BpfProgram, BackendError> {
        // Without a rule, whatever the arguments; an error number of 0 is success.
        let rules = self.flushes.map(|number| (number, Vec::new()));
        self.program(rules.into(), 0)
    }

    fn program(
        &self,
        rules: BTreeMap<i64, Vec<SeccompRule>>,
        errno: u32,
    ) -> Result<BpfProgram, BackendError> {
        let (otherwise, matched) = (SeccompAction::Allow, SeccompAction::Errno(errno));
        SeccompFilter::new(rules, otherwise, matched, self.arch)?.try_into()
    }
}
