//! Names of one inode, as signed and as observed.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{InodeKey, ObservedKind};
use super::{Change, Evidence, Observed};
use crate::manifest::{Entry, Manifest};
use crate::path::ImagePath;
use crate::tree::Kind;

/// Who shares an inode with whom, as signed and as observed.
pub(super) struct Links<'a> {
    expected: BTreeMap<u32, Vec<&'a ImagePath>>,
    observed: BTreeMap<InodeKey, Vec<&'a ImagePath>>,
}

/// Names that a drift gives as examples.
const EXAMPLES: usize = 4;

impl<'a> Links<'a> {
    pub(super) fn new(manifest: &'a Manifest, evidence: &'a Evidence) -> Self {
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

    /// How the names of an inode differ from those that were signed, but for what lies below `blind`.
    pub(super) fn difference(
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

/// Whether `path`, or something above it, is in `blind`.
pub(super) fn is_below_any(path: &ImagePath, blind: &BTreeSet<&ImagePath>) -> bool {
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
