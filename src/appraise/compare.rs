//! The comparison itself: one pass over two sorted lists.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::differences::differences;
use super::drift::Owner;
use super::effect::{Subject, judge};
use super::evidence::ObservedMount;
use super::evidence::{ObservedContent, ObservedKind, Reason, Source};
use super::exemption::{allows_addition, allows_change, allows_removal, may_stay_unseen};
use super::fact::FactCounts;
use super::hardlinks::{Links, is_below_any};
use super::mount::{Laid, allows_mount, outermost};
use super::{Change, Counts, Drift, Evidence, NotChecked, Observed, Report, Tally};
use crate::expect::{Class, Expectations, Mutable};
use crate::manifest::{Entry, Manifest, RESERVED, RESERVED_DIRECTORY, is_reserved};
use crate::path::ImagePath;
use crate::tree::{Content, Kind, Mode, Xattrs};
use crate::{limits, order};

/// Compares what was observed with what was signed.
///
/// Expectations count for a [`Source::Root`] only: in an image nothing may differ. The two files
/// that the manifest leaves out are expected with the bytes of `manifest` and `expectations`, mode
/// 0644 and the owner of their directory, wherever the manifest has that.
pub fn appraise(manifest: &Manifest, expectations: &Expectations, evidence: &Evidence) -> Report {
    compare(manifest, expectations, evidence, None)
}

/// All drifts of one path, however many others there are.
pub(super) fn drifts_of(
    path: &ImagePath,
    manifest: &Manifest,
    expectations: &Expectations,
    evidence: &Evidence,
) -> Vec<Drift> {
    compare(manifest, expectations, evidence, Some(path)).drifts
}

fn compare<'a>(
    manifest: &'a Manifest,
    expectations: &'a Expectations,
    evidence: &'a Evidence,
    only: Option<&'a ImagePath>,
) -> Report {
    let reserved = reserved(manifest, expectations);
    let mut appraisal = Appraisal::new(manifest, expectations, evidence);
    appraisal.only = only;
    appraisal.as_listed();
    let others = (0..)
        .zip(manifest.entries())
        .filter(|(place, _)| !evidence.as_listed.contains(*place))
        .map(|(_, entry)| entry);
    let mut expected = merge(others, reserved.iter()).peekable();
    let mut observed = evidence.entries.iter().peekable();
    loop {
        let order = match (expected.peek(), observed.peek()) {
            (Some(entry), Some(seen)) => entry.path.cmp(&seen.path),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let entry = if order.is_le() { expected.next() } else { None };
        let seen = if order.is_ge() { observed.next() } else { None };
        match (entry, seen) {
            (Some(entry), Some(seen)) => appraisal.both(entry, seen),
            (Some(entry), None) => appraisal.missing(entry),
            (None, Some(seen)) => appraisal.added(seen),
            (None, None) => break,
        }
    }
    appraisal.mounts();
    appraisal.finish()
}

/// The image's own copies of the two signed files.
fn reserved(manifest: &Manifest, expectations: &Expectations) -> Vec<Entry> {
    let Some(directory) = ImagePath::parse(RESERVED_DIRECTORY)
        .ok()
        .and_then(|path| manifest.get(&path))
        .filter(|entry| entry.kind == Kind::Directory)
    else {
        return Vec::new();
    };
    let file = |path: &str, content: Content| {
        Some(Entry {
            path: ImagePath::parse(path).ok()?,
            mode: Mode::FILE,
            uid: directory.uid,
            gid: directory.gid,
            links: 1,
            group: None,
            kind: Kind::Regular(content),
            xattrs: Xattrs::new(),
            origin: Arc::clone(&directory.origin),
        })
    };
    let [of_manifest, of_expectations] = RESERVED;
    let mut entries: Vec<Entry> = [
        file(of_manifest, manifest.content()),
        file(of_expectations, Content::of(&expectations.to_bytes())),
    ]
    .into_iter()
    .flatten()
    .collect();
    order::sort_by(&mut entries, |a, b| a.path.cmp(&b.path));
    entries
}

/// Two sorted lists as one.
fn merge<'a>(
    a: impl Iterator<Item = &'a Entry>,
    b: impl Iterator<Item = &'a Entry>,
) -> impl Iterator<Item = &'a Entry> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(left), Some(right)) if left.path <= right.path => a.next(),
        (_, Some(_)) => b.next(),
        (_, None) => a.next(),
    })
}

struct Appraisal<'a> {
    manifest: &'a Manifest,
    expectations: &'a Expectations,
    evidence: &'a Evidence,
    links: Links<'a>,
    /// Paths below which nothing is known.
    blind: BTreeSet<&'a ImagePath>,
    /// The only path whose drifts are asked for; `None`: those of all.
    only: Option<&'a ImagePath>,
    /// How many drifts of each severity were met.
    met: Tally,
    report: Report,
}

impl<'a> Appraisal<'a> {
    fn new(manifest: &'a Manifest, expectations: &'a Expectations, evidence: &'a Evidence) -> Self {
        let blind = evidence
            .not_checked
            .iter()
            .filter(|item| item.reason.covers_below())
            .map(|item| &item.path)
            .collect();
        Self {
            manifest,
            expectations,
            evidence,
            links: Links::new(manifest, evidence),
            blind,
            only: None,
            met: Tally::default(),
            report: Report {
                checked: Counts::default(),
                drifts: Vec::new(),
                omitted: Tally::default(),
                facts: FactCounts::default(),
                exempted: BTreeMap::new(),
                not_checked: Vec::new(),
                paths_not_checked: 0,
                notes: evidence.notes.clone(),
            },
        }
    }

    /// What the expectations say about a path; nothing where they do not count.
    fn mutable(&self, path: &ImagePath) -> Option<&'a Mutable> {
        match self.evidence.source {
            Source::Root if !is_reserved(path) => self.expectations.of(path),
            _ => None,
        }
    }

    /// Counts what needs no comparison any more.
    fn as_listed(&mut self) {
        let checked = &mut self.report.checked;
        for (place, entry) in (0..).zip(self.manifest.entries()) {
            if !self.evidence.as_listed.contains(place) {
                continue;
            }
            checked.paths = checked.paths.saturating_add(1);
            if let Kind::Regular(content) = &entry.kind {
                checked.files = checked.files.saturating_add(1);
                checked.bytes = checked.bytes.saturating_add(content.size);
            }
        }
    }

    fn both(&mut self, entry: &Entry, seen: &Observed) {
        let checked = &mut self.report.checked;
        checked.paths = checked.paths.saturating_add(1);
        if let ObservedKind::Regular(ObservedContent {
            size,
            digest: Some(_),
            ..
        }) = seen.kind
        {
            checked.files = checked.files.saturating_add(1);
            checked.bytes = checked.bytes.saturating_add(size);
        }
        let mut changes = differences(entry, seen);
        if self.evidence.hides_trusted {
            self.leave_trusted(&entry.path, &mut changes);
        }
        changes.extend(self.links.difference(entry, seen, &self.blind));
        if changes.is_empty() {
            return;
        }
        let mutable = self.mutable(&entry.path);
        for change in changes {
            match mutable {
                Some(mutable) if allows_change(mutable, entry, seen, &change) => {
                    self.exempt(mutable.class);
                }
                _ => self.drift(
                    &entry.path,
                    Some(entry),
                    Some(seen),
                    Owner::Listed(Arc::clone(&entry.origin)),
                    change,
                ),
            }
        }
    }

    /// An attribute that nobody but root sees is not gone because it is not seen.
    fn leave_trusted(&mut self, path: &ImagePath, changes: &mut Vec<Change>) {
        let is_invisible = |change: &Change| matches!(change, Change::Xattr { name, observed: None, .. } if name.starts_with(b"trusted."));
        let count = changes.len();
        changes.retain(|change| !is_invisible(change));
        if changes.len() < count {
            let reason = "only root sees those of the trusted.* namespace".to_owned();
            self.report.not_checked.push(NotChecked {
                path: path.clone(),
                reason: Reason::Xattrs(reason),
            });
        }
    }

    fn missing(&mut self, entry: &Entry) {
        let mutable = self.mutable(&entry.path);
        if let Some(mutable) = mutable
            && allows_removal(mutable.class, entry)
        {
            self.exempt(mutable.class);
        } else if self.is_blind(&entry.path) {
            let count = &mut self.report.paths_not_checked;
            *count = count.saturating_add(1);
        } else {
            self.drift(
                &entry.path,
                Some(entry),
                None,
                Owner::Listed(Arc::clone(&entry.origin)),
                Change::Removed,
            );
        }
    }

    fn added(&mut self, seen: &Observed) {
        let checked = &mut self.report.checked;
        checked.paths = checked.paths.saturating_add(1);
        match self.mutable(&seen.path) {
            Some(mutable) if allows_addition(mutable, seen) => self.exempt(mutable.class),
            _ => {
                let owner = self.nearest(&seen.path);
                self.drift(
                    &seen.path,
                    None,
                    Some(seen),
                    owner,
                    Change::Added(Box::new(seen.clone())),
                );
            }
        }
    }

    fn mounts(&mut self) {
        let mounts = &self.evidence.mounts;
        // What an overlay shows is compared, path by path; what is mounted in it covers that again.
        let is_compared = |mount: &ObservedMount| {
            self.evidence.through.contains(&mount.path) && self.is_place(mount, Laid::Over)
        };
        let others: Vec<ObservedMount> = mounts
            .iter()
            .filter(|mount| !is_compared(mount))
            .cloned()
            .collect();
        for mount in outermost(&others) {
            match self.mutable(&mount.path) {
                Some(mutable) if allows_mount(mutable, mount) => self.exempt(mutable.class),
                _ if self.is_place(mount, Laid::Instead) => self.exempt(Class::State),
                _ => {
                    let expected = self.manifest.get(&mount.path);
                    let owner = match expected {
                        Some(entry) => Owner::Listed(Arc::clone(&entry.origin)),
                        None => self.nearest(&mount.path),
                    };
                    let change = Change::Mount(Box::new(mount.clone()));
                    self.drift(&mount.path, expected, None, owner, change);
                }
            }
        }
        order::sort_by(&mut self.report.drifts, |a, b| a.path.cmp(&b.path));
    }

    /// Whether an initrd was to make a place of this path, and did so in this way, whatever is mounted
    /// there: nothing in it gains rights or is a device.
    fn is_place(&self, mount: &ObservedMount, laid: Laid) -> bool {
        let path = &mount.path;
        if !self.expectations.places().contains(path) {
            return false;
        }
        let within = |entry: &Entry| entry.path != *path && entry.path.is_within(path);
        let is_empty = !self.manifest.entries().iter().any(within);
        let here = self.evidence.mounts.iter().filter(|it| it.path == *path);
        let fits = |it: &ObservedMount| {
            it.is_harmless() && (laid == Laid::Instead) != (it.filesystem == "overlay")
        };
        is_empty == (laid == Laid::Instead) && here.into_iter().all(fits)
    }

    fn exempt(&mut self, class: Class) {
        let count = self.report.exempted.entry(class).or_default();
        *count = count.saturating_add(1);
    }

    fn drift(
        &mut self,
        path: &ImagePath,
        expected: Option<&Entry>,
        observed: Option<&Observed>,
        owner: Owner,
        change: Change,
    ) {
        if self.only.is_some_and(|only| only != path) {
            return;
        }
        let subject = Subject {
            path,
            expected,
            observed,
        };
        let (effects, severity) = judge(subject, &change);
        // Each severity has its own bound, so that no flood of harmless ones hides a bad one.
        if self.met.of(severity) >= limits::DRIFTS_MAX {
            return self.report.omitted.add(severity);
        }
        self.met.add(severity);
        self.report.drifts.push(Drift {
            path: path.clone(),
            change,
            severity,
            owner,
            effects,
        });
    }

    /// The origin of the nearest listed directory above `path`.
    fn nearest(&self, path: &ImagePath) -> Owner {
        let mut at = path.parent();
        while let Some(directory) = at {
            if let Some(entry) = self.manifest.get(&directory) {
                return Owner::Nearest(Arc::clone(&entry.origin));
            }
            at = directory.parent();
        }
        let nobody = crate::tree::Origin::Template("karat".to_owned());
        Owner::Nearest(Arc::new(nobody))
    }

    /// Whether the path, or something above it, could not be looked at.
    fn is_blind(&self, path: &ImagePath) -> bool {
        is_below_any(path, &self.blind)
    }

    fn finish(mut self) -> Report {
        // What an expectation lets differ in any way needs not be looked at, either.
        for item in &self.evidence.not_checked {
            match self.mutable(&item.path) {
                Some(mutable) if may_stay_unseen(mutable, item) => self.exempt(mutable.class),
                _ => self.report.not_checked.push(item.clone()),
            }
        }
        order::sort(&mut self.report.not_checked);
        for (severity, count) in self.report.omitted.counted() {
            let (severity, most) = (severity.name(), limits::DRIFTS_MAX);
            self.report.notes.push(format!(
                "{count} more drifts of severity {severity} are counted only: the first {most} are listed."
            ));
        }
        self.report
    }
}
