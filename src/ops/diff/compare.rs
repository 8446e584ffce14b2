//! The comparison: paths, packages, expectations.

use std::collections::{BTreeMap, BTreeSet};

use super::difference::{Event, NotCompared, PackageChange, PathChange};
use super::side::{Loaded, size_once};
use crate::appraise::{Change, Evidence, NotChecked, Owner, Reason, Severity, appraise};
use crate::expect::Expectations;
use crate::manifest::is_reserved;
use crate::path::{Escaped, ImagePath};
use crate::tree::Origin;

/// All paths that differ, each with how it differs.
pub(super) fn paths(old: &Loaded, new: &Loaded) -> Vec<(ImagePath, PathChange)> {
    // The newer manifest as what was observed, the older one as what was signed.
    let evidence = Evidence::of_manifest(&new.manifest);
    let report = appraise(&old.manifest, &Expectations::default(), &evidence);
    let unseen = Unseen::of(old, new);
    report
        .drifts
        .into_iter()
        .filter(|drift| !is_reserved(&drift.path) && !unseen.covers(&drift.path))
        .map(|drift| {
            let (from, to) = drift.change.values();
            let origin = [new, old].into_iter().find_map(|side| {
                let entry = side.manifest.get(&drift.path)?;
                Loaded::origin(entry).map(Origin::to_string)
            });
            let severity = match (&drift.change, &drift.owner) {
                (Change::Removed, Owner::Listed(_)) => Severity::Medium.min(drift.severity),
                _ => drift.severity,
            };
            let change = PathChange {
                path: drift.path.to_string(),
                change: drift.change.name(),
                from,
                to,
                origin,
                severity: severity.name(),
                effects: drift.effects.iter().map(|effect| effect.name()).collect(),
                lines: None,
            };
            (drift.path, change)
        })
        .collect()
}

/// Packages that differ.
///
/// Whether a package is there is asked of what both sides know: versions, or owners of paths.
pub(super) fn packages(
    old: &Loaded,
    new: &Loaded,
    paths: &[(ImagePath, PathChange)],
) -> Vec<PackageChange> {
    let has_origins = old.side.origins_from.is_some() && new.side.origins_from.is_some();
    let has_versions = old.versions.is_some() && new.versions.is_some();
    let (old, new) = (Packages::of(old), Packages::of(new));
    let is_in = |side: &Packages<'_>, name: &str| {
        has_versions && side.versions.contains_key(name)
            || has_origins && side.sizes.contains_key(name)
    };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, path) in paths {
        let origin = path.origin.as_deref().unwrap_or_default();
        if let Some(name) = origin.strip_prefix("package:") {
            let count = counts.entry(name).or_default();
            *count = count.saturating_add(1);
        }
    }
    let names: BTreeSet<&str> = old.names().chain(new.names()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let (from, to) = (old.versions.get(name), new.versions.get(name));
            let paths = counts.get(name).copied().unwrap_or(0);
            let other_version = from.is_some() && to.is_some() && from != to;
            let change = match (is_in(&old, name), is_in(&new, name)) {
                (false, true) => Event::Added,
                (true, false) => Event::Removed,
                (true, true) if paths > 0 || other_version => Event::Changed,
                _ => return None,
            };
            let size = |side: &Packages<'_>| side.sizes.get(name).copied().unwrap_or(0);
            Some(PackageChange {
                name: name.to_owned(),
                change,
                from: from.map(|version| (*version).to_owned()),
                to: to.map(|version| (*version).to_owned()),
                paths,
                bytes: size(&new).saturating_sub(size(&old)),
            })
        })
        .collect()
}

/// What `one` has and `other` has not, or has with another class; nothing where either is unknown.
pub(super) fn mutable_without(
    one: Option<&Expectations>,
    other: Option<&Expectations>,
) -> BTreeMap<String, &'static str> {
    let (Some(one), Some(other)) = (one, other) else {
        return BTreeMap::new();
    };
    one.mutable()
        .iter()
        .filter(|mutable| !other.mutable().contains(mutable))
        .map(|mutable| (mutable.path.to_string(), mutable.class.name()))
        .collect()
}

/// What could not be looked at on either side.
pub(super) fn not_compared(old: &Loaded, new: &Loaded) -> Vec<NotCompared> {
    let of = |side, loaded: &Loaded| -> Vec<NotCompared> {
        let note = |item: &NotChecked| NotCompared {
            side,
            path: item.path.to_string(),
            reason: item.reason.name(),
            detail: Escaped(item.reason.to_string().as_bytes()).to_string(),
        };
        loaded.not_checked.iter().map(note).collect()
    };
    [of("from", old), of("to", new)].concat()
}

/// The packages of one side.
struct Packages<'a> {
    versions: BTreeMap<&'a str, &'a str>,
    /// Bytes of their regular files, hard links counted once.
    sizes: BTreeMap<&'a str, i64>,
}

impl<'a> Packages<'a> {
    fn of(loaded: &'a Loaded) -> Self {
        let size = size_once(&loaded.manifest);
        let mut sizes: BTreeMap<&str, i64> = BTreeMap::new();
        for entry in loaded.manifest.entries() {
            if let Origin::Package(name) = &*entry.origin {
                let bytes = i64::try_from(size(entry)).unwrap_or(i64::MAX);
                let sum = sizes.entry(name).or_default();
                *sum = sum.saturating_add(bytes);
            }
        }
        let versions = loaded.versions.iter().flatten();
        Self {
            versions: versions
                .map(|(name, version)| (name.as_str(), version.as_str()))
                .collect(),
            sizes,
        }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.versions.keys().chain(self.sizes.keys()).copied()
    }
}

/// Paths that were not seen on one side, so that the other says nothing about a difference.
struct Unseen<'a> {
    itself: BTreeSet<&'a ImagePath>,
    below: BTreeSet<&'a ImagePath>,
}

impl<'a> Unseen<'a> {
    fn of(old: &'a Loaded, new: &'a Loaded) -> Self {
        let mut unseen = Self {
            itself: BTreeSet::new(),
            below: BTreeSet::new(),
        };
        for item in old.not_checked.iter().chain(&new.not_checked) {
            // A directory that cannot be listed was examined.
            if !matches!(item.reason, Reason::Directory(_)) {
                unseen.itself.insert(&item.path);
            }
            if item.reason.covers_below() {
                unseen.below.insert(&item.path);
            }
        }
        unseen
    }

    fn covers(&self, path: &ImagePath) -> bool {
        if self.itself.contains(path) {
            return true;
        }
        let mut at = if self.below.is_empty() {
            None
        } else {
            path.parent()
        };
        while let Some(path) = at {
            if self.below.contains(&path) {
                return true;
            }
            at = path.parent();
        }
        false
    }
}
