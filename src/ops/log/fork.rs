//! Files that prove a fork.

use std::path::Path;

use super::failure::LogFailure;
use super::look::log_keys;
use crate::key::TrustRoot;
use crate::limits;
use crate::log::{Fork, ForkError, ForkEvidence};
use crate::sys::fs;
use crate::tlog::{NoteKey, Policy};

/// What a file proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvenFork {
    /// That the log was forked.
    Fork(Fork),
    /// Nothing: the log signed both, and they agree.
    Agreement,
}

/// Checks the evidence in `file` with keys of the log alone.
///
/// # Errors
/// It is no evidence, or these keys did not sign it.
pub fn check_fork(
    file: &Path,
    trust: Option<&TrustRoot>,
    policy: Option<&Policy>,
    keys: &[NoteKey],
) -> Result<ProvenFork, LogFailure> {
    let at = |source| LogFailure::Fork {
        file: file.to_owned(),
        source,
    };
    let bytes = fs::read(file, limits::FORK_MAX)?;
    let evidence = ForkEvidence::parse(&bytes).map_err(at)?;
    let mut keys = keys.to_vec();
    if let Some(root) = trust {
        keys.extend(log_keys(root)?);
    }
    let listed = policy.map(Policy::logs).unwrap_or_default();
    keys.extend(listed.iter().map(|log| log.key.clone()));
    match evidence.check(&keys) {
        Ok(fork) => Ok(ProvenFork::Fork(fork)),
        Err(ForkError::Agree) => Ok(ProvenFork::Agreement),
        Err(error) => Err(at(error)),
    }
}
