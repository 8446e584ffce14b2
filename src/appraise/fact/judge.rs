//! All facts, one after the other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Observations, Scene, Seen, accounts, firewall, kernel, local, system};
use crate::appraise::drift::Owner;
use crate::appraise::{Change, Drift, Effect, NotChecked, Reason, Report, Severity};
use crate::expect::{Expectations, Facts};
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::tree::Origin;

/// What became of the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactCounts {
    /// How many hold.
    pub held: u64,
    /// How many differences there are.
    pub drifted: u64,
    /// How many could not be checked.
    pub not_checked: u64,
    /// Those that do not apply here, in order, by the reason.
    pub not_applicable: BTreeMap<String, Vec<String>>,
}

/// Judges all facts of `expectations` and adds what that gives to a report.
///
/// Facts are about a system that runs: of a [`Scene::Snapshot`] none applies.
pub fn judge(
    report: Report,
    expectations: &Expectations,
    manifest: &Manifest,
    scene: &Scene,
) -> Report {
    let expected = expectations.facts();
    let mut court = Court {
        expectations,
        manifest,
        report,
        counts: FactCounts::default(),
    };
    match scene {
        Scene::Running(seen) => court.all(expected, seen),
        Scene::Snapshot => {
            for name in names(expected) {
                court.not_applicable(name, "not the running system");
            }
        }
    }
    court.report.facts = court.counts;
    crate::order::sort(&mut court.report.not_checked);
    court.report
}

/// The names of all facts that are stated.
fn names(expected: &Facts) -> Vec<String> {
    let Facts {
        accounts,
        cmdline,
        credentials,
        firewall,
        kernel,
        listen,
        modules,
        mounts,
        packet,
        preload,
        startup,
        sysctl,
        units,
        unix,
    } = expected;
    let mut names: Vec<String> = Vec::new();
    names.extend(accounts.iter().map(|_| "accounts".to_owned()));
    names.extend(
        cmdline
            .iter()
            .map(|entry| format!("cmdline {}", entry.word)),
    );
    names.extend(credentials.iter().map(|_| "credentials".to_owned()));
    names.extend(firewall.iter().map(|_| "firewall".to_owned()));
    if let Some(kernel) = kernel {
        names.extend(kernel.lockdown.map(|_| "lockdown".to_owned()));
        names.extend(kernel.taint.map(|_| "taint".to_owned()));
    }
    names.extend(listen.iter().map(|_| "listen".to_owned()));
    names.extend(modules.iter().map(|_| "modules".to_owned()));
    names.extend(mounts.iter().map(|entry| format!("mount {}", entry.point)));
    names.extend(packet.iter().map(|_| "packet".to_owned()));
    names.extend(preload.iter().map(|_| "preload".to_owned()));
    names.extend(startup.iter().map(|_| "startup".to_owned()));
    names.extend(sysctl.iter().map(|entry| format!("sysctl {}", entry.name)));
    names.extend(units.iter().map(|_| "units".to_owned()));
    names.extend(unix.iter().map(|_| "unix".to_owned()));
    names
}

/// Where judgements are written down.
pub(super) struct Court<'a> {
    pub(super) expectations: &'a Expectations,
    pub(super) manifest: &'a Manifest,
    report: Report,
    counts: FactCounts,
}

/// One way in which a fact does not hold.
pub(super) struct Breach {
    /// What the fact is called.
    pub(super) name: String,
    /// Where it was observed.
    pub(super) source: ImagePath,
    /// What should be; `None`: nothing.
    pub(super) expected: Option<String>,
    /// What is; `None`: nothing.
    pub(super) observed: Option<String>,
    pub(super) effect: Effect,
    pub(super) severity: Severity,
}

impl Court<'_> {
    fn all(&mut self, expected: &Facts, seen: &Observations) {
        kernel::judge(self, expected, seen);
        system::judge(self, expected, seen);
        local::judge(self, expected, seen);
        firewall::judge(self, expected, seen);
        accounts::judge(self, expected, seen);
    }

    pub(super) fn held(&mut self) {
        self.counts.held = self.counts.held.saturating_add(1);
    }

    pub(super) fn not_applicable(&mut self, name: String, why: &str) {
        let list = &mut self.counts.not_applicable;
        list.entry(why.to_owned()).or_default().push(name);
    }

    pub(super) fn not_checked(&mut self, name: &str, source: &str, why: impl fmt::Display) {
        self.counts.not_checked = self.counts.not_checked.saturating_add(1);
        self.report.not_checked.push(NotChecked {
            path: place(source),
            reason: Reason::Fact {
                name: name.to_owned(),
                error: why.to_string(),
            },
        });
    }

    pub(super) fn drift(&mut self, origin: &Origin, breach: Breach) {
        self.counts.drifted = self.counts.drifted.saturating_add(1);
        self.report.drifts.push(Drift {
            path: breach.source,
            change: Change::Fact {
                name: breach.name,
                expected: breach.expected,
                observed: breach.observed,
            },
            severity: breach.severity,
            owner: Owner::Stated(Arc::new(origin.clone())),
            effects: vec![breach.effect],
        });
    }

    /// Whether the comparison of paths has said already that `path` is not as signed.
    pub(super) fn has_drifted(&self, path: &ImagePath) -> bool {
        self.report.drifts.iter().any(|drift| drift.path == *path)
    }

    /// The value of a place that must be there for the fact to mean anything.
    pub(super) fn need<'s, T>(
        &mut self,
        name: &str,
        source: &str,
        seen: &'s Seen<T>,
        absent: &str,
    ) -> Option<&'s T> {
        match seen {
            Seen::Value(value) => return Some(value),
            Seen::Absent => self.not_applicable(name.to_owned(), absent),
            Seen::Unreadable(why) => self.not_checked(name, source, why),
        }
        None
    }

    /// Whether the running kernel is one of the image's, and its modules directory, if so.
    pub(super) fn own_kernel(&self, seen: &Observations) -> Kernel {
        let modules = |release: &str| {
            let path = ImagePath::parse(format!("/usr/lib/modules/{release}")).ok()?;
            self.manifest.get(&path).map(|_| path)
        };
        match &seen.release {
            Seen::Value(release) => match modules(release) {
                Some(path) => Kernel::Own(path),
                None if self.has_kernel() => Kernel::Other(release.clone()),
                None => Kernel::Platform,
            },
            Seen::Absent | Seen::Unreadable(_) => Kernel::Unknown,
        }
    }

    /// Whether the image has modules of any kernel.
    fn has_kernel(&self) -> bool {
        let Ok(directory) = ImagePath::parse("/usr/lib/modules") else {
            return false;
        };
        let entries = self.manifest.entries();
        let start = entries.partition_point(|entry| entry.path <= directory);
        entries
            .get(start)
            .is_some_and(|entry| entry.path.is_within(&directory))
    }
}

/// Whose kernel is running.
pub(super) enum Kernel {
    /// The image's; its modules are below this directory.
    Own(ImagePath),
    /// The image has kernels, and this release is none of them.
    Other(String),
    /// The image has none: the platform brings one.
    Platform,
    /// The release could not be read.
    Unknown,
}

/// A source as a path; what is none stands for the root.
pub(super) fn place(source: &str) -> ImagePath {
    ImagePath::parse(source).unwrap_or_else(|_| ImagePath::root())
}
