//! The indexes of all suites that a template names, verified.

use super::obtain::network;
use super::{LockFailure, Sources, basis};
use crate::archive::mirror::Mirrors;
use crate::archive::{Cache, Conditions};
use crate::deb::{Architecture, Universe};
use crate::lock::{LockedRelease, Lockfile};
use crate::progress::{Progress, Unit};
use crate::sys::clock::{self, Stopwatch};
use crate::template::Template;

pub(super) fn load(
    template: &Template,
    existing: Option<&Lockfile>,
    architecture: &Architecture,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<(Universe, Vec<LockedRelease>), LockFailure> {
    let watch = Stopwatch::start();
    let source = &template.source;
    let mirrors = Mirrors::choose(source, &sources.flags, &sources.environment, &sources.apt)?;
    let repositories = mirrors.repositories(source)?;
    let network = network(sources);
    // A moment of the past is judged as of that moment; and going back to one is no attack.
    let snapshot = source
        .snapshot
        .as_ref()
        .and_then(|one| moment(one.as_str()));
    let now = snapshot.map_or_else(clock::now, |snapshot| snapshot.min(clock::now()));
    let before = |name| {
        let lock = existing.filter(|lock| lock.basis.snapshot == basis(template).snapshot);
        lock.and_then(|lock| lock.release(name))
            .map(|release| release.date)
    };
    let total = u64::try_from(repositories.len()).ok();
    progress.started("index", total, Unit::Items);
    let (mut universe, mut releases) = (Universe::new(), Vec::new());
    for repository in &repositories {
        let conditions = Conditions {
            architecture,
            now,
            not_before: before(&repository.name),
        };
        let name = repository.name.to_string();
        let loaded = repository.load(&conditions, &network, cache, &mut universe);
        releases.push(loaded.map_err(|error| LockFailure::Repository(Box::new(error)))?);
        progress.advanced(
            "index",
            u64::try_from(releases.len()).unwrap_or(0),
            Some(&name),
        );
    }
    let summary = format!(
        "{} suites, {} packages to choose from",
        releases.len(),
        universe.len()
    );
    progress.finished("index", summary, watch.seconds());
    Ok((universe, releases))
}

/// The seconds since 1970 of `20260131T235959Z`.
fn moment(text: &str) -> Option<u64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    u64::try_from(instant.as_second()).ok()
}
