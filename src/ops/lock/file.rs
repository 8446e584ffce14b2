//! The lock beside a template.

use std::path::{Path, PathBuf};

use super::{LockFailure, Sources, Update, Wanted, basis, lock};
use crate::archive::Cache;
use crate::limits;
use crate::lock::Lockfile;
use crate::progress::Progress;
use crate::sys::fs;
use crate::template::Agent;

/// The lock file of `template`, if there is one.
///
/// # Errors
/// It is there and cannot be used.
pub fn read(template: &Path) -> Result<Option<Lockfile>, LockFailure> {
    let path = Lockfile::beside(template);
    let text = match fs::read_text(&path, limits::LOCKFILE_MAX) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let lock = Lockfile::parse(&text);
    lock.map(Some)
        .map_err(|source| LockFailure::Invalid { path, source })
}

/// Writes the lock file of `template`, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write(template: &Path, lock: &Lockfile) -> Result<PathBuf, LockFailure> {
    let path = Lockfile::beside(template);
    fs::write_atomic(&path, lock.encode().as_bytes(), 0o644)?;
    Ok(path)
}

/// Whether `lock`, read from beside `template`, is still what the template asks for.
///
/// # Errors
/// What changed.
pub fn check(template: &Path, lock: &Lockfile, wanted: &Wanted<'_>) -> Result<(), LockFailure> {
    let path = || Lockfile::beside(template);
    let source = &wanted.template.source;
    let digest = wanted.template.resolution_digest();
    lock.check_basis(source.suite.as_str(), &basis(wanted.template), digest)
        .map_err(|source| LockFailure::Stale {
            path: path(),
            source,
        })?;
    // Where no agent is at hand there is nothing to compare; a build would say so itself.
    let absent = wanted.agent.is_none() && wanted.template.verify.agent != Agent::None;
    if lock.agent.is_some() && lock.agent != wanted.agent && !absent {
        return Err(LockFailure::Agent(path()));
    }
    Ok(())
}

/// The lock to build from: the one beside the template; where it is missing or stale, a new one,
/// which is written, unless `locked` forbids that.
///
/// # Errors
/// There is none, or it is stale, and `locked` is set; or a new one cannot be made.
pub fn current(
    template: &Path,
    wanted: &Wanted<'_>,
    locked: bool,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Lockfile, LockFailure> {
    let existing = read(template)?;
    let problem = match &existing {
        None => LockFailure::Missing(Lockfile::beside(template)),
        Some(lock) => match check(template, lock, wanted) {
            Ok(()) => return Ok(lock.clone()),
            Err(problem) => problem,
        },
    };
    if locked {
        return Err(problem);
    }
    let update = Update::AsNeeded;
    let made = lock(wanted, existing.as_ref(), &update, sources, cache, progress)?;
    write(template, &made.lock)?;
    Ok(made.lock)
}
