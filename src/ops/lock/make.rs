//! From a template to a new lock.

use super::index::load;
use super::request::{boot, kept, request};
use super::{LockFailure, Locked, Sources, Update, Wanted, basis};
use crate::archive::Cache;
use crate::archive::mirror::MirrorError;
use crate::deb::{Architecture, Record, Resolution, resolve};
use crate::lock::{Diff, LockedPackage, LockedRelease, Lockfile};
use crate::progress::{Progress, Unit};
use crate::sys::clock::Stopwatch;
use crate::template::{Choice as _, Template};
use crate::tree::{Content, Epoch};

/// Resolves a template against its archives, and pins what came out.
///
/// # Errors
/// The archive is not trusted, or the packages cannot be resolved.
pub fn lock(
    wanted: &Wanted<'_>,
    existing: Option<&Lockfile>,
    update: &Update,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Locked, LockFailure> {
    let template = wanted.template;
    let architecture: Architecture = match &template.image.architecture {
        Some(named) => named.as_str().parse()?,
        None => sources.architecture.parse()?,
    };
    let existing = existing.filter(|lock| lock.architecture == architecture);
    let (universe, releases) = load(template, existing, &architecture, sources, cache, progress)?;

    let watch = Stopwatch::start();
    progress.started("resolve", None, Unit::Items);
    let mut request = request(template, &architecture)?;
    let kept = kept(existing, template, update)?;
    let template_pins = request.pins.clone();
    request.pins = kept.iter().chain(&template_pins).cloned().collect();
    let (resolution, not_kept) = match resolve(&universe, &request) {
        Err(problem) if !kept.is_empty() => {
            // Versions of the old lock may stand in the way of what is asked for now.
            request.pins = template_pins;
            (resolve(&universe, &request)?, Some(problem))
        }
        resolution => (resolution?, None),
    };
    let resolved = |resolution: &Resolution| {
        let chosen = resolution.packages.iter();
        let records = chosen.filter_map(|chosen| universe.record(chosen.record));
        records.map(locked_package).collect::<Result<Vec<_>, _>>()
    };
    let mut packages = resolved(&resolution)?;
    if let Some(flavour) = template.kernel.flavour {
        for root in boot(flavour, &architecture, template.updates()) {
            request.roots.push(root.parse()?);
        }
        let booting = resolved(&resolve(&universe, &request)?)?;
        packages = with_boot(&packages, booting)?;
    }
    let mut lock = Lockfile {
        epoch: epoch(template, sources, &releases),
        distribution: template.source.distribution.word().to_owned(),
        suite: template.source.suite.as_str().to_owned(),
        agent: wanted.agent,
        template: template.resolution_digest(),
        basis: basis(template),
        releases,
        packages,
        architecture,
    };
    lock.sort();
    // What is written must be readable: paths and sizes come from the archive's index.
    let lock = Lockfile::parse(&lock.encode()).map_err(LockFailure::Unlockable)?;
    let summary = format!("{} packages", lock.packages.len());
    progress.finished("resolve", summary, watch.seconds());
    let diff = Diff::between(existing, &lock);
    Ok(Locked {
        lock,
        diff,
        not_kept,
    })
}

/// The packages of an image that boots, those marked that no other image has.
///
/// Nothing else may differ between the two: what a lock pins is one package of each name.
fn with_boot(
    without: &[LockedPackage],
    booting: Vec<LockedPackage>,
) -> Result<Vec<LockedPackage>, LockFailure> {
    if let Some(missing) = without.iter().find(|one| !booting.contains(one)) {
        return Err(LockFailure::Kernel(missing.name.clone()));
    }
    let marked = booting.into_iter().map(|package| LockedPackage {
        boot: !without.contains(&package),
        ..package
    });
    Ok(marked.collect())
}

fn locked_package(record: Record<'_>) -> Result<LockedPackage, LockFailure> {
    let source = record.source().name.parse();
    Ok(LockedPackage {
        name: record.name().parse()?,
        version: record.version().parse()?,
        architecture: record.architecture().parse()?,
        content: Content {
            digest: record.sha256(),
            size: record.size(),
        },
        path: record.filename().to_owned(),
        source: source.map_err(|source| MirrorError::Name {
            name: record.source().name.clone(),
            source,
        })?,
        boot: false,
    })
}

fn epoch(template: &Template, sources: &Sources, releases: &[LockedRelease]) -> Epoch {
    let newest = || releases.iter().map(|release| release.date).max();
    sources
        .epoch
        .or(template.image.epoch)
        .or_else(newest)
        .unwrap_or(Epoch::saturating(0))
}
