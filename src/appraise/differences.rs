//! How one observed path differs from its line in the manifest.

use std::collections::BTreeSet;

use super::evidence::ObservedKind;
use super::{Change, Observed};
use crate::manifest::Entry;
use crate::tree::Kind;

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
pub(super) fn differences(entry: &Entry, seen: &Observed) -> Vec<Change> {
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
