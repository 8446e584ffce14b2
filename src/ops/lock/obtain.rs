//! The packages of a lock as files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{LockFailure, Sources};
use crate::archive::mirror::{MirrorError, Mirrors};
use crate::archive::{self, Cache, CacheError, Location, Network, Obtained, Origins};
use crate::lock::{LockedPackage, Lockfile};
use crate::progress::Progress;
use crate::stage;
use crate::template::Template;

/// Brings the packages of a lock here, each checked by size and SHA-256.
///
/// # Errors
/// One of them cannot be had.
pub fn obtain(
    lock: &Lockfile,
    template: &Template,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Vec<Obtained>, LockFailure> {
    let origins = Origins {
        archives: archives(template, sources)?,
        vendor: sources.vendor.clone(),
    };
    Ok(archive::obtain(
        lock,
        &origins,
        &network(sources),
        cache,
        progress,
    )?)
}

/// As [`obtain`], in the words of the stage that unpacks them.
///
/// # Errors
/// As [`obtain`].
pub fn packages(
    lock: &Lockfile,
    template: &Template,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Vec<stage::Package>, LockFailure> {
    let obtained = obtain(lock, template, sources, cache, progress)?;
    let obtained = obtained.into_iter();
    Ok(obtained
        .map(|Obtained { package, path }| staged(&package, path))
        .collect())
}

/// The packages as the cache has them, if it has all: by name and size, their bytes not looked at.
/// The stage compares every digest before it unpacks anything.
///
/// # Errors
/// The cache cannot be read.
pub fn packages_unread(
    lock: &Lockfile,
    cache: &Cache,
) -> Result<Option<Vec<stage::Package>>, CacheError> {
    let packages = lock.packages.iter().map(|package| {
        let path = cache.find_unread(&package.content)?;
        Ok(path.map(|path| staged(package, path)))
    });
    packages.collect()
}

/// A locked package that is at `path`, or nowhere yet.
pub fn staged(package: &LockedPackage, path: PathBuf) -> stage::Package {
    stage::Package {
        path,
        name: package.name.to_string(),
        version: package.version.to_string(),
        architecture: package.architecture.to_string(),
        sha256: package.content.digest,
    }
}

pub(super) fn network(sources: &Sources) -> Network {
    let network = Network::new(sources.proxies.clone(), sources.patience);
    if sources.offline {
        network.offline()
    } else {
        network
    }
}

/// The bases of the archives, as far as they are known: what is in the cache needs none.
fn archives(
    template: &Template,
    sources: &Sources,
) -> Result<BTreeMap<String, Location>, MirrorError> {
    let source = &template.source;
    let mirrors = Mirrors::choose(source, &sources.flags, &sources.environment, &sources.apt);
    let repositories = match mirrors.and_then(|mirrors| mirrors.repositories(source)) {
        Err(MirrorError::NoMirror { .. } | MirrorError::NoSecurityMirror { .. }) => Vec::new(),
        repositories => repositories?,
    };
    Ok(repositories
        .into_iter()
        .map(|one| (one.name.archive().to_owned(), one.location))
        .collect())
}
