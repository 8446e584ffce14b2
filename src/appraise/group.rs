//! Drifts of one package as one event.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Drift, Effect, Severity};
use crate::path::ImagePath;
use crate::tree::Origin;

/// Versions of packages, by name.
pub type Versions = BTreeMap<String, String>;

/// What drifted of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The package.
    pub package: String,
    /// Its version as signed, where that is known.
    pub signed: Option<String>,
    /// Its version by the package database of what was verified, where that has it. Whoever can
    /// change files there can change that, too: it explains, and excuses nothing.
    pub observed: Option<String>,
    /// Places of its drifts in the report, in order.
    pub drifts: Vec<usize>,
    /// How many paths are new.
    pub added: usize,
    /// How many paths changed.
    pub changed: usize,
    /// How many paths are gone.
    pub removed: usize,
    /// The worst of its drifts.
    pub severity: Severity,
    /// What all of them together make possible.
    pub effects: BTreeSet<Effect>,
}

impl Group {
    /// Whether a path of this origin is one of the package's.
    pub fn is_of(&self, origin: &Origin) -> bool {
        matches!(origin, Origin::Package(name) if *name == self.package)
    }

    /// Whether the package database has another version than was signed: an upgrade or a
    /// downgrade, if it can be believed.
    pub fn is_event(&self) -> bool {
        self.observed.is_some() && self.signed.is_some() && self.observed != self.signed
    }
}

/// The drifts of packages, by package. No drift is changed or left out by that.
pub fn groups(
    drifts: &[Drift],
    signed: Option<&Versions>,
    observed: Option<&Versions>,
) -> Vec<Group> {
    let mut packages: BTreeMap<&str, Vec<(usize, &Drift)>> = BTreeMap::new();
    for (index, drift) in drifts.iter().enumerate() {
        if let Origin::Package(name) = drift.owner.origin() {
            packages.entry(name).or_default().push((index, drift));
        }
    }
    let version =
        |of: Option<&Versions>, name: &str| of.and_then(|versions| versions.get(name)).cloned();
    packages
        .into_iter()
        .map(|(name, drifts)| Group {
            signed: version(signed, name),
            observed: version(observed, name),
            ..group(name, &drifts)
        })
        .collect()
}

fn group(package: &str, drifts: &[(usize, &Drift)]) -> Group {
    let mut group = Group {
        package: package.to_owned(),
        signed: None,
        observed: None,
        drifts: drifts.iter().map(|(index, _)| *index).collect(),
        added: 0,
        changed: 0,
        removed: 0,
        severity: Severity::Low,
        effects: BTreeSet::new(),
    };
    let mut last: Option<&ImagePath> = None;
    for (_, drift) in drifts {
        group.severity = group.severity.max(drift.severity);
        group.effects.extend(drift.effects.iter().copied());
        // Drifts are in order of paths, several of one path beside each other.
        if last.replace(&drift.path) != Some(&drift.path) {
            let count = match drift.change {
                Change::Added(_) => &mut group.added,
                Change::Removed => &mut group.removed,
                _ => &mut group.changed,
            };
            *count = count.saturating_add(1);
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Owner;
    use super::*;
    use crate::tree::Mode;

    fn drift(path: &str, origin: &str, severity: Severity, change: Change) -> Drift {
        Drift {
            path: ImagePath::parse(path).unwrap(),
            change,
            severity,
            owner: Owner::Listed(Arc::new(origin.parse().unwrap())),
            effects: vec![Effect::Program],
        }
    }

    fn mode() -> Change {
        Change::Mode {
            expected: Mode::FILE,
            observed: Mode::DIRECTORY,
        }
    }

    #[test]
    fn one_package_is_one_group_and_nothing_is_lost() {
        let owner = Change::Owner {
            expected: (0, 0),
            observed: (1, 0),
        };
        let drifts = [
            drift("/a", "package:x", Severity::Low, mode()),
            drift("/a", "package:x", Severity::Critical, owner),
            drift("/b", "script:x", Severity::Critical, mode()),
            drift("/c", "package:x", Severity::Low, Change::Removed),
            drift("/d", "package:y", Severity::Low, mode()),
        ];
        let versions = |text: &str| Versions::from([("x".to_owned(), text.to_owned())]);
        let (signed, observed) = (versions("1"), versions("2"));
        let all = groups(&drifts, Some(&signed), Some(&observed));
        let [x, y] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!(x.drifts, [0, 1, 3]);
        assert_eq!((x.added, x.changed, x.removed), (0, 1, 1));
        assert_eq!(x.severity, Severity::Critical);
        assert!(x.is_event() && !y.is_event());
        // Nobody says a version, or both say the same: no event.
        for (signed, observed) in [
            (None, Some(&observed)),
            (Some(&signed), None),
            (Some(&signed), Some(&signed)),
        ] {
            let all = groups(&drifts, signed, observed);
            assert!(all.iter().all(|group| !group.is_event()));
        }
    }
}
