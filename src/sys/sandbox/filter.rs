//! System calls that scripts are refused.
//!
//! One: a socket to the kernel's audit system. It is the machine's, not the image's, and in a pid
//! namespace it takes questions without ever answering them: `auditctl -s`, which auditd's own
//! postinst runs, waits eight seconds for nothing. A kernel without auditing answers with
//! `EPROTONOSUPPORT`, and every program of libaudit knows what that means.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::error::SandboxError;

/// `AF_NETLINK` (netlink(7)).
const AF_NETLINK: u64 = 16;
/// `NETLINK_AUDIT` (netlink(7)).
const NETLINK_AUDIT: u64 = 9;
/// `EPROTONOSUPPORT` (errno(3)).
const EPROTONOSUPPORT: u32 = 93;

/// Refuses these system calls to this process and all that come from it.
///
/// # Errors
/// The kernel takes no filter.
pub(super) fn apply() -> Result<(), SandboxError> {
    let Some((arch, socket)) = target() else {
        // Elsewhere scripts only take longer.
        return Ok(());
    };
    program(arch, socket)
        .and_then(|program| apply_filter(&program).map_err(|error| error.to_string()))
        .map_err(|error| SandboxError::step("set a seccomp filter", error))
}

/// This machine's architecture and its number of socket(2).
fn target() -> Option<(TargetArch, i64)> {
    match std::env::consts::ARCH {
        "aarch64" => Some((TargetArch::aarch64, 198)),
        "x86_64" => Some((TargetArch::x86_64, 41)),
        _ => None,
    }
}

fn program(arch: TargetArch, socket: i64) -> Result<BpfProgram, String> {
    let is = |argument, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
    };
    let text = |error: seccompiler::BackendError| error.to_string();
    let conditions = vec![
        is(0, AF_NETLINK).map_err(text)?,
        is(2, NETLINK_AUDIT).map_err(text)?,
    ];
    let rule = SeccompRule::new(conditions).map_err(text)?;
    SeccompFilter::new(
        BTreeMap::from([(socket, vec![rule])]),
        SeccompAction::Allow,
        SeccompAction::Errno(EPROTONOSUPPORT),
        arch,
    )
    .and_then(BpfProgram::try_from)
    .map_err(text)
}
