//! What changed from one baseline to the next, where the outputs of both are at hand.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::collect::Findings;
use super::entries::Row;
use super::files::below;
use super::scan::Reader;
use super::{Baseline, Change, Code, Entries, EntryKind, EntryVerdict, PackageDelta};
use crate::baseline::{Statement, Subject};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::limits;
use crate::log::{Log, LogError, Source};
use crate::ops::diff::{Difference, diff};
use crate::sys::fs;
use crate::tlog::Entry;

const MANIFEST: &str = ".mtree";

/// Compares consecutive releases of each image, the newest first while there is room, whose manifests
/// lie below `outputs` under the digest that the statement in the log names.
///
/// # Errors
/// The directory, or an entry of the log, cannot be read.
pub(super) fn of<S: Source>(
    log: &Log<S>,
    entries: &Entries,
    since: u64,
    outputs: &Path,
    threads: NonZero<usize>,
    findings: &mut Findings,
) -> Result<Vec<Change>, super::failure::Outside> {
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in below(outputs, MANIFEST)? {
        if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) {
            files.entry(stem.to_owned()).or_default().push(path);
        }
    }
    let mut reader = Reader::new(log);
    let mut found: Vec<(&str, u64, u64, &Row, PathBuf)> = Vec::new();
    for (index, row) in (0_u64..).zip(entries.rows()) {
        let counts = matches!(row.verdict, EntryVerdict::Counts | EntryVerdict::Superseded);
        if row.kind != EntryKind::Signed || !counts {
            continue;
        }
        let name = entries.name(row.name);
        let stem = format!("{name}_{}", entries.version(row));
        let Some(candidates) = files.get(&stem) else {
            continue;
        };
        let Some(wanted) = manifest(&mut reader, index)? else {
            continue;
        };
        for path in candidates {
            let bytes = fs::read(path, limits::MANIFEST_MAX)?;
            if Digest::of(&bytes) == wanted {
                found.push((name, row.number, index, row, path.clone()));
                break;
            }
        }
    }
    // The last entry of a serial stands for it.
    found.sort_by_key(|(name, serial, index, _, _)| (*name, *serial, *index));
    found.dedup_by(|later, earlier| {
        let same = (later.0, later.1) == (earlier.0, earlier.1);
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    let mut changes = Vec::new();
    for pair in found.windows(2).rev() {
        let [(name, _, _, _, old), (other, _, index, _, new)] = pair else {
            continue;
        };
        if name != other || *index < since || changes.len() >= limits::AUDIT_CHANGES_MAX {
            continue;
        }
        let side = |(_, serial, index, row, _): &(&str, u64, u64, &Row, PathBuf)| Baseline {
            index: *index,
            serial: *serial,
            version: entries.version(row).to_owned(),
        };
        let mut sides = pair.iter().map(side);
        let (Some(from), Some(to)) = (sides.next(), sides.next()) else {
            continue;
        };
        match diff(old, new, threads) {
            Ok(difference) => changes.push(change(name, from, to, &difference)),
            Err(error) => findings.add(Code::NotCompared, Some(*index), || {
                let subject = format!("{name} {}..{}", from.serial, to.serial);
                (subject, error.to_string())
            }),
        }
    }
    changes.reverse();
    Ok(changes)
}

/// The digest of the manifest of the statement that the entry `index` holds.
fn manifest<S: Source>(reader: &mut Reader<'_, S>, index: u64) -> Result<Option<Digest>, LogError> {
    let bytes = reader.entry(index)?;
    let envelope = Entry::parse(&bytes).and_then(|it| Envelope::parse(it.envelope).ok());
    let statement = envelope.and_then(|it| Statement::parse(&it.signed().payload).ok());
    Ok(statement.and_then(|it| it.baseline().digest(Subject::Manifest)))
}

fn change(image: &str, from: Baseline, to: Baseline, difference: &Difference) -> Change {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    // A path that changed in several ways stands there for each.
    let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
    for path in &difference.paths {
        let seen = paths.entry(&path.path).or_insert(path.change);
        if path.change == "added" || path.change == "removed" {
            *seen = path.change;
        }
    }
    let of = |what| count(paths.values().filter(|change| **change == what).count());
    let (added, removed) = (of("added"), of("removed"));
    let mutable = difference
        .mutable_added
        .len()
        .saturating_add(difference.mutable_removed.len());
    let expectations = mutable.saturating_add(difference.facts.len());
    let packages = difference.packages.iter().take(limits::AUDIT_PACKAGES_MAX);
    Change {
        image: image.to_owned(),
        from,
        to,
        packages: packages
            .map(|package| PackageDelta {
                name: package.name.clone(),
                from: package.from.clone(),
                to: package.to.clone(),
            })
            .collect(),
        packages_changed: count(difference.packages.len()),
        paths_added: added,
        paths_removed: removed,
        paths_changed: count(paths.len())
            .saturating_sub(added)
            .saturating_sub(removed),
        expectations_changed: count(expectations),
    }
}
