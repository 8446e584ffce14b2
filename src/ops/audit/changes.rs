//! What changed from one baseline to the next, where the outputs of both are at hand.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::collect::Findings;
use super::files::below;
use super::sbom::{self, Sbom};
use super::scan::Reader;
use super::{Baseline, Change, Code, Entries, EntryKind, EntryVerdict, PackageDelta};
use crate::baseline::{Statement, Subject};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::limits;
use crate::log::{Log, LogError, Source};
use crate::ops::diff::{Difference, PackageChange, diff};
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
    let mut found: Vec<Found<'_>> = Vec::new();
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
        let (Some(wanted), outputs) = named(&mut reader, index)? else {
            continue;
        };
        for path in candidates {
            let bytes = fs::read(path, limits::MANIFEST_MAX)?;
            if Digest::of(&bytes) != wanted {
                continue;
            }
            let sbom = match outputs.map(|outputs| sbom::read(path, &stem, outputs)) {
                None => None,
                Some(read) => match read? {
                    Ok(sbom) => sbom,
                    Err((code, path, text)) => {
                        if index >= since {
                            findings.add(code, Some(index), || (path.display().to_string(), text));
                        }
                        None
                    }
                },
            };
            found.push(Found {
                name,
                serial: row.number,
                index,
                version: entries.version(row),
                path: path.clone(),
                sbom,
            });
            break;
        }
    }
    // The last entry of a serial stands for it.
    found.sort_by_key(|it| (it.name, it.serial, it.index));
    found.dedup_by(|later, earlier| {
        let same = (later.name, later.serial) == (earlier.name, earlier.serial);
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
    let mut changes = Vec::new();
    for pair in found.windows(2).rev() {
        let [old, new] = pair else {
            continue;
        };
        let is_full = changes.len() >= limits::AUDIT_CHANGES_MAX;
        if old.name != new.name || new.index < since || is_full {
            continue;
        }
        match diff(&old.path, &new.path, threads) {
            Ok(difference) => changes.push(change(old, new, &difference)),
            Err(error) => findings.add(Code::NotCompared, Some(new.index), || {
                let subject = format!("{} {}..{}", old.name, old.serial, new.serial);
                (subject, error.to_string())
            }),
        }
    }
    changes.reverse();
    Ok(changes)
}

/// A release whose manifest is at hand.
struct Found<'a> {
    name: &'a str,
    serial: u64,
    index: u64,
    version: &'a str,
    path: PathBuf,
    sbom: Option<Sbom>,
}

impl Found<'_> {
    fn baseline(&self) -> Baseline {
        Baseline {
            index: self.index,
            serial: self.serial,
            version: self.version.to_owned(),
            sbom: self.sbom.as_ref().map(|sbom| sbom.sha256),
        }
    }
}

/// The digests of the manifest and of the list of outputs that the statement of entry `index` names.
fn named<S: Source>(
    reader: &mut Reader<'_, S>,
    index: u64,
) -> Result<(Option<Digest>, Option<Digest>), LogError> {
    let bytes = reader.entry(index)?;
    let envelope = Entry::parse(&bytes).and_then(|it| Envelope::parse(it.envelope).ok());
    let statement = envelope.and_then(|it| Statement::parse(&it.signed().payload).ok());
    let digest = |subject| {
        let baseline = statement.as_ref().map(Statement::baseline);
        baseline.and_then(|it| it.digest(subject))
    };
    Ok((digest(Subject::Manifest), digest(Subject::Outputs)))
}

fn change(old: &Found<'_>, new: &Found<'_>, difference: &Difference) -> Change {
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
    // What was signed says more than names of packages in manifests, or a lock beside them.
    let mut packages: Vec<PackageDelta> = match (&old.sbom, &new.sbom) {
        (Some(from), Some(to)) => sbom::deltas(from, to),
        _ => difference.packages.iter().map(delta).collect(),
    };
    let packages_changed = count(packages.len());
    packages.truncate(limits::AUDIT_PACKAGES_MAX);
    Change {
        image: old.name.to_owned(),
        from: old.baseline(),
        to: new.baseline(),
        packages,
        packages_changed,
        paths_added: added,
        paths_removed: removed,
        paths_changed: count(paths.len())
            .saturating_sub(added)
            .saturating_sub(removed),
        expectations_changed: count(expectations),
    }
}

fn delta(package: &PackageChange) -> PackageDelta {
    PackageDelta {
        name: package.name.clone(),
        from: package.from.clone(),
        to: package.to.clone(),
    }
}
