//! The comparison itself: one pass over two sorted lists.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::capability::CAPABILITY;
use super::drift::Owner;
use super::effect::{Subject, judge};
use super::evidence::{InodeKey, ObservedContent, ObservedKind, Reason, Source};
use super::fact::FactCounts;
use super::mount::{allows_mount, outermost};
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
        for mount in outermost(&self.evidence.mounts) {
            match self.mutable(&mount.path) {
                Some(mutable) if allows_mount(mutable, mount) => self.exempt(mutable.class),
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

fn is_below_any(path: &ImagePath, blind: &BTreeSet<&ImagePath>) -> bool {
    if blind.is_empty() {
        return false;
    }
    let mut at = Some(path.clone());
    while let Some(path) = at {
        if blind.contains(&path) {
            return true;
        }
        at = path.parent();
    }
    false
}

/// Whether something was observed whole and is in every respect as listed. What has further names
/// is never: only all of them together tell.
pub(super) fn is_as_listed(entry: &Entry, seen: &Observed) -> bool {
    let is_whole = match &seen.kind {
        ObservedKind::Regular(content) => content.digest.is_some(),
        ObservedKind::Symlink(target) => target.is_some(),
        _ => true,
    };
    let is_alone = entry.kind == Kind::Directory || entry.links == 1 && seen.links == 1;
    is_whole && is_alone && seen.xattrs.is_some() && differences(entry, seen).is_empty()
}

/// All differences but those of hard links.
fn differences(entry: &Entry, seen: &Observed) -> Vec<Change> {
    let mut changes = Vec::new();
    let expected_kind = ObservedKind::from(&entry.kind);
    match (&entry.kind, &seen.kind) {
        (Kind::Regular(expected), ObservedKind::Regular(observed)) => {
            let differs = observed.size != expected.size
                || observed
                    .digest
                    .is_some_and(|digest| digest != expected.digest);
            if differs {
                changes.push(Change::Content {
                    expected: *expected,
                    observed: *observed,
                });
            }
        }
        (Kind::Symlink(expected), ObservedKind::Symlink(observed)) => {
            if let Some(observed) = observed
                && observed != expected
            {
                changes.push(Change::Target {
                    expected: expected.clone(),
                    observed: observed.clone(),
                });
            }
        }
        (_, kind) if *kind == expected_kind => {}
        (_, kind) => changes.push(Change::Type {
            expected: expected_kind.describe(),
            observed: kind.describe(),
        }),
    }
    let is_link = matches!(seen.kind, ObservedKind::Symlink(_));
    // Linux ignores the mode of a symbolic link, and shows 0777.
    if !is_link && entry.mode != seen.mode {
        changes.push(Change::Mode {
            expected: entry.mode,
            observed: seen.mode,
        });
    }
    if (entry.uid, entry.gid) != (seen.uid, seen.gid) {
        changes.push(Change::Owner {
            expected: (entry.uid, entry.gid),
            observed: (seen.uid, seen.gid),
        });
    }
    if let Some(xattrs) = &seen.xattrs
        && *xattrs != entry.xattrs
    {
        let names: BTreeSet<&Vec<u8>> = entry.xattrs.keys().chain(xattrs.keys()).collect();
        for name in names {
            let (expected, observed) = (entry.xattrs.get(name), xattrs.get(name));
            if expected != observed {
                changes.push(Change::Xattr {
                    name: name.clone(),
                    expected: expected.cloned(),
                    observed: observed.cloned(),
                });
            }
        }
    }
    changes
}

/// A set-id program, a file with capabilities, or a device: what no service keeps as its state.
fn is_privileged(seen: &Observed) -> bool {
    let is_set_id = matches!(seen.kind, ObservedKind::Regular(_)) && seen.mode.bits() & 0o6000 != 0;
    let is_device = matches!(
        seen.kind,
        ObservedKind::BlockDevice(_) | ObservedKind::CharDevice(_)
    );
    let has_capability = seen
        .xattrs
        .as_ref()
        .is_some_and(|xattrs| xattrs.contains_key(CAPABILITY));
    is_set_id || is_device || has_capability
}

fn allows_change(mutable: &Mutable, entry: &Entry, seen: &Observed, change: &Change) -> bool {
    if entry.kind == Kind::Directory {
        return false;
    }
    match mutable.class {
        Class::Volatile => true,
        Class::State => !is_privileged(seen),
        Class::AppendOnly => match change {
            Change::Content { expected, observed } => {
                observed.size > expected.size && observed.prefix == Some(expected.digest)
            }
            _ => false,
        },
        Class::GeneratedOnce => match change {
            Change::Content { .. } => true,
            Change::Mode { observed, .. } => mutable.mode == Some(*observed),
            _ => false,
        },
    }
}

fn allows_removal(class: Class, entry: &Entry) -> bool {
    match class {
        Class::Volatile => true,
        Class::State => entry.kind != Kind::Directory,
        Class::AppendOnly | Class::GeneratedOnce => false,
    }
}

fn allows_addition(mutable: &Mutable, seen: &Observed) -> bool {
    let is_file = matches!(seen.kind, ObservedKind::Regular(_));
    match mutable.class {
        Class::Volatile => true,
        Class::State => !is_privileged(seen),
        Class::AppendOnly => {
            !is_privileged(seen) && (is_file || seen.kind == ObservedKind::Directory)
        }
        Class::GeneratedOnce => {
            let mode_fits = match mutable.mode {
                Some(mode) => seen.mode == mode,
                None => seen.mode.bits() & 0o022 == 0,
            };
            is_file && mode_fits && seen.uid == 0 && !is_privileged(seen)
        }
    }
}

/// Whether what could not be checked may be anything anyway.
fn may_stay_unseen(mutable: &Mutable, item: &NotChecked) -> bool {
    let is_whole = !item.reason.covers_below() || mutable.path.as_str().ends_with("/**");
    mutable.class == Class::Volatile && is_whole
}

/// Who shares an inode with whom, as signed and as observed.
struct Links<'a> {
    expected: BTreeMap<u32, Vec<&'a ImagePath>>,
    observed: BTreeMap<InodeKey, Vec<&'a ImagePath>>,
}

/// Names that a drift gives as examples.
const EXAMPLES: usize = 4;

impl<'a> Links<'a> {
    fn new(manifest: &'a Manifest, evidence: &'a Evidence) -> Self {
        let mut expected: BTreeMap<u32, Vec<&ImagePath>> = BTreeMap::new();
        for entry in manifest.entries() {
            if let Some(group) = entry.group {
                expected.entry(group).or_default().push(&entry.path);
            }
        }
        let mut observed: BTreeMap<InodeKey, Vec<&ImagePath>> = BTreeMap::new();
        for seen in &evidence.entries {
            if seen.links > 1 && seen.kind != ObservedKind::Directory {
                observed.entry(seen.inode).or_default().push(&seen.path);
            }
        }
        Self { expected, observed }
    }

    fn difference(
        &self,
        entry: &Entry,
        seen: &Observed,
        blind: &BTreeSet<&ImagePath>,
    ) -> Option<Change> {
        let is_directory = entry.kind == Kind::Directory || seen.kind == ObservedKind::Directory;
        if is_directory || (entry.links == 1 && seen.links == 1) {
            return None;
        }
        let expected = entry
            .group
            .and_then(|group| self.expected.get(&group))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let observed = self
            .observed
            .get(&seen.inode)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let found = u64::try_from(observed.len()).unwrap_or(u64::MAX).max(1);
        let outside = seen.links.saturating_sub(found);
        let links = u64::from(entry.links);
        // No name at all: the file was removed, or another took its place, while it was read.
        if expected == observed && outside == 0 && seen.links > 0 {
            return None;
        }
        let other = |path: &&&ImagePath| ***path != entry.path;
        // Both lists are in order, as the paths of manifest and evidence are.
        let mut missing = expected
            .iter()
            .filter(other)
            .filter(|path| observed.binary_search(path).is_err())
            .peekable();
        let mut extra = observed
            .iter()
            .filter(other)
            .filter(|path| expected.binary_search(path).is_err())
            .peekable();
        // As many names as signed, and those not seen lie where nothing could be seen.
        if seen.links == links && extra.peek().is_none() && missing.peek().is_some() {
            let unseen = expected
                .iter()
                .filter(|path| observed.binary_search(path).is_err());
            if unseen.clone().count() > 0 && unseen.clone().all(|path| is_below_any(path, blind)) {
                return None;
            }
        }
        Some(Change::Links {
            expected: links,
            observed: seen.links,
            missing: missing.take(EXAMPLES).map(|path| (*path).clone()).collect(),
            extra: extra.take(EXAMPLES).map(|path| (*path).clone()).collect(),
            outside,
        })
    }
}
