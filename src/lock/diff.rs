//! What differs between two locks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::value::{LockedPackage, Lockfile};
use crate::deb::{Architecture, PackageName, Version};
use crate::tree::Epoch;

/// What differs between an old lock and a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Packages, sorted by name.
    pub packages: Vec<Change>,
    /// The epochs, where they differ: old, new.
    pub epoch: Option<(Epoch, Epoch)>,
    /// Bytes of all packages: of the old lock, of the new one.
    pub size: (u64, u64),
}

/// A package that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added {
        /// Which package.
        name: PackageName,
        /// Its version.
        version: Version,
        /// The size of its file.
        size: u64,
    },
    /// It is gone.
    Removed {
        /// Which package.
        name: PackageName,
        /// The version it had.
        version: Version,
        /// The size of its file.
        size: u64,
    },
    /// It has a newer version.
    Upgraded {
        /// Which package.
        name: PackageName,
        /// The version it had.
        from: Version,
        /// Its version.
        to: Version,
    },
    /// It has an older version.
    Downgraded {
        /// Which package.
        name: PackageName,
        /// The version it had.
        from: Version,
        /// Its version.
        to: Version,
    },
    /// It has the same version and other bytes: the archive broke a promise, or another archive
    /// has its own build.
    Rebuilt {
        /// Which package.
        name: PackageName,
        /// Its version.
        version: Version,
    },
}

impl Diff {
    /// What `new` has otherwise than `old`; without an `old`, all of it.
    pub fn between(old: Option<&Lockfile>, new: &Lockfile) -> Self {
        let mut before: BTreeMap<_, _> = old.map(index).unwrap_or_default();
        let mut packages = Vec::new();
        for package in &new.packages {
            let change = match before.remove(&(&package.name, &package.architecture)) {
                Some(old) => changed(old, package),
                None => Some(Change::Added {
                    name: package.name.clone(),
                    version: package.version.clone(),
                    size: package.content.size,
                }),
            };
            packages.extend(change);
        }
        packages.extend(before.values().map(|package| Change::Removed {
            name: package.name.clone(),
            version: package.version.clone(),
            size: package.content.size,
        }));
        packages.sort_by(|a, b| a.name().cmp(b.name()));
        let epoch = old.map(|old| (old.epoch, new.epoch));
        Self {
            packages,
            epoch: epoch.filter(|(old, new)| old != new),
            size: (old.map_or(0, Lockfile::size), new.size()),
        }
    }

    /// Whether a build would get the same packages and clock.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.epoch.is_none()
    }
}

impl Change {
    /// Which package.
    pub fn name(&self) -> &PackageName {
        match self {
            Self::Added { name, .. }
            | Self::Removed { name, .. }
            | Self::Upgraded { name, .. }
            | Self::Downgraded { name, .. }
            | Self::Rebuilt { name, .. } => name,
        }
    }
}

fn index(lock: &Lockfile) -> BTreeMap<(&PackageName, &Architecture), &LockedPackage> {
    let packages = lock.packages.iter();
    packages
        .map(|package| ((&package.name, &package.architecture), package))
        .collect()
}

fn changed(old: &LockedPackage, new: &LockedPackage) -> Option<Change> {
    let name = new.name.clone();
    let (from, to) = (old.version.clone(), new.version.clone());
    match to.cmp(&from) {
        std::cmp::Ordering::Greater => Some(Change::Upgraded { name, from, to }),
        std::cmp::Ordering::Less => Some(Change::Downgraded { name, from, to }),
        std::cmp::Ordering::Equal if old.content != new.content => {
            Some(Change::Rebuilt { name, version: to })
        }
        std::cmp::Ordering::Equal => None,
    }
}
