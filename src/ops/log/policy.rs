//! Files of tlog-policies.

use std::path::Path;

use super::failure::LogFailure;
use crate::limits;
use crate::sys::fs;
use crate::tlog::Policy;

/// Reads a policy.
///
/// # Errors
/// There is none, or it breaks a rule.
pub fn read_policy(file: &Path) -> Result<Policy, LogFailure> {
    let bytes = fs::read(file, limits::TLOG_POLICY_MAX)?;
    Policy::parse(&bytes).map_err(|source| LogFailure::Policy {
        file: file.to_owned(),
        source,
    })
}
