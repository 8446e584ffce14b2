//! Files beside a statement: only the very bytes that it names count.

use std::io;
use std::path::Path;

use super::run::shown;
use crate::baseline::{Baseline, Subject};
use crate::digest::{Digest, HashingReader};
use crate::harden::Results;
use crate::image::further::Further;
use crate::limits;
use crate::lock::{Inventory, Lockfile};
use crate::ops::further::SBOM_SUFFIX;
use crate::responsibility::{Finding, Known, Locked, Named, Rules, Sbom, Weight};
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::material::{LOCK_SUFFIX, with_suffix};

/// Subjects whose files are hashed where they are there: small ones, and the manifest.
const HASHED: [Subject; 3] = [Subject::Manifest, Subject::Expectations, Subject::Measure];

/// What was found beside a statement.
pub(super) struct Beside {
    pub(super) rules: Known<Rules>,
    pub(super) locked: Known<Locked>,
    pub(super) sbom: Known<Sbom>,
}

/// Reads what stands beside `stem`.
///
/// # Errors
/// A file is there and cannot be read.
pub(super) fn read(
    stem: &Path,
    baseline: &Baseline,
    signed: bool,
    findings: &mut Vec<Finding>,
) -> Result<Beside, IoError> {
    for subject in HASHED {
        let Some(expected) = baseline.digest(subject) else {
            continue;
        };
        let path = with_suffix(stem, subject.suffix());
        if let Some(observed) = digest_of(&path)?
            && observed != expected
        {
            findings.push(other(&path, observed, expected, signed));
        }
    }
    let rules = rules(stem, baseline, signed, findings)?;
    let (locked, packages) = match lock(stem, baseline, signed, findings)? {
        Known::Here((locked, packages)) => (Known::Here(locked), Some(packages)),
        Known::Missing(why) => (Known::Missing(why), None),
        Known::Broken(why) => (Known::Broken(why), None),
    };
    Ok(Beside {
        rules,
        locked,
        sbom: sbom(stem, baseline, packages.as_ref(), signed, findings)?,
    })
}

/// The list of packages, by way of the signed list of outputs that names it.
fn sbom(
    stem: &Path,
    baseline: &Baseline,
    locked: Option<&Inventory>,
    signed: bool,
    findings: &mut Vec<Finding>,
) -> Result<Known<Sbom>, IoError> {
    let Some(expected) = baseline.digest(Subject::Outputs) else {
        let why = "the statement names no list of further outputs, in which an SBOM would stand";
        return Ok(Known::Missing(why.to_owned()));
    };
    let path = with_suffix(stem, Subject::Outputs.suffix());
    let bytes = match named(&path, expected, limits::FURTHER_MAX, signed, findings)? {
        Known::Here(bytes) => bytes,
        Known::Missing(why) => return Ok(Known::Missing(why)),
        Known::Broken(why) => return Ok(Known::Broken(why)),
    };
    let further = match Further::parse(&bytes) {
        Ok(further) => further,
        Err(error) => {
            let why = format!("the list of further outputs cannot be read: {error}");
            findings.push(incomplete(&path, &why));
            return Ok(Known::Broken(why));
        }
    };
    let name = format!("{}{SBOM_SUFFIX}", baseline.stem());
    let Some((_, listed)) = further.iter().find(|(file, _)| *file == name) else {
        let why = format!("{} lists no {name}", shown(&path));
        return Ok(Known::Missing(why));
    };
    let path = with_suffix(stem, SBOM_SUFFIX);
    let most = limits::FURTHER_HASHED_MAX;
    let bytes = match named(&path, listed.digest, most, signed, findings)? {
        Known::Here(bytes) => bytes,
        Known::Missing(why) => return Ok(Known::Missing(why)),
        Known::Broken(why) => return Ok(Known::Broken(why)),
    };
    Ok(match Inventory::parse(&bytes) {
        Ok(inventory) => Known::Here(Sbom {
            file: Named {
                name,
                sha256: listed.digest,
            },
            packages: count(inventory.len()),
            other_than_lock: locked.map(|locked| count(inventory.differences(locked))),
        }),
        Err(error) => {
            let why = format!("the SBOM cannot be read: {error}");
            findings.push(incomplete(&path, &why));
            Known::Broken(why)
        }
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn rules(
    stem: &Path,
    baseline: &Baseline,
    signed: bool,
    findings: &mut Vec<Finding>,
) -> Result<Known<Rules>, IoError> {
    let Some(expected) = baseline.digest(Subject::Rules) else {
        let why = "the statement names no results of rules";
        return Ok(Known::Missing(why.to_owned()));
    };
    let path = with_suffix(stem, Subject::Rules.suffix());
    let bytes = match named(&path, expected, limits::RULE_RESULTS_MAX, signed, findings)? {
        Known::Here(bytes) => bytes,
        Known::Missing(why) => return Ok(Known::Missing(why)),
        Known::Broken(why) => return Ok(Known::Broken(why)),
    };
    Ok(match Results::parse(&bytes) {
        Ok(results) => Known::Here(Rules {
            file: Named {
                name: baseline.subject_name(Subject::Rules),
                sha256: expected,
            },
            results,
        }),
        Err(error) => {
            let why = format!("the results of rules cannot be read: {error}");
            findings.push(incomplete(&path, &why));
            Known::Broken(why)
        }
    })
}

fn lock(
    stem: &Path,
    baseline: &Baseline,
    signed: bool,
    findings: &mut Vec<Finding>,
) -> Result<Known<(Locked, Inventory)>, IoError> {
    let expected = baseline.inputs.lock;
    let path = with_suffix(stem, LOCK_SUFFIX);
    let bytes = match named(&path, expected, limits::LOCKFILE_MAX, signed, findings)? {
        Known::Here(bytes) => bytes,
        Known::Missing(why) => return Ok(Known::Missing(why)),
        Known::Broken(why) => return Ok(Known::Broken(why)),
    };
    let lock = str::from_utf8(&bytes)
        .map_err(|error| error.to_string())
        .and_then(|text| Lockfile::parse(text).map_err(|error| error.to_string()));
    Ok(match lock {
        Ok(lock) => {
            let locked = Locked {
                file: Named {
                    name: format!("{}{LOCK_SUFFIX}", baseline.stem()),
                    sha256: expected,
                },
                packages: count(lock.packages.len()),
                releases: count(lock.releases.len()),
                newest: lock.releases.iter().map(|release| release.date).max(),
            };
            Known::Here((locked, Inventory::of(&lock)))
        }
        Err(why) => {
            let why = format!("the lock cannot be read: {why}");
            findings.push(incomplete(&path, &why));
            Known::Broken(why)
        }
    })
}

/// The bytes of a file, if they are those that the statement names.
fn named(
    path: &Path,
    expected: Digest,
    cap: u64,
    signed: bool,
    findings: &mut Vec<Finding>,
) -> Result<Known<Vec<u8>>, IoError> {
    let bytes = match fs::read(path, cap) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => {
            return Ok(Known::Missing(format!("{} is not there", shown(path))));
        }
        Err(error) => return Err(error),
    };
    let observed = Digest::of(&bytes);
    if observed == expected {
        return Ok(Known::Here(bytes));
    }
    findings.push(other(path, observed, expected, signed));
    let why = format!("{} is not what the statement names", shown(path));
    Ok(Known::Broken(why))
}

/// SHA-256 of a file; `None` where it is not there.
fn digest_of(path: &Path) -> Result<Option<Digest>, IoError> {
    let file = match fs::open(path) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.metadata().at("stat", path)?.len();
    if size > limits::MANIFEST_MAX {
        let large = io::Error::other(format!("it is larger than {} bytes", limits::MANIFEST_MAX));
        return Err(IoError::new("read", path, large));
    }
    let mut reader = HashingReader::new(io::Read::take(file, size.saturating_add(1)));
    io::copy(&mut reader, &mut io::sink()).at("read", path)?;
    Ok(Some(reader.finish().0))
}

/// Beside a signed statement other bytes are tampering; beside a draft somebody mixed up builds.
fn other(path: &Path, observed: Digest, expected: Digest, signed: bool) -> Finding {
    let (weight, what) = if signed {
        (Weight::Untrusted, "signed")
    } else {
        (Weight::Incomplete, "in the draft")
    };
    Finding {
        weight,
        subject: shown(path),
        text: format!("it is not what the statement names: sha256 {observed}, {what} {expected}"),
    }
}

fn incomplete(path: &Path, text: &str) -> Finding {
    Finding {
        weight: Weight::Incomplete,
        subject: shown(path),
        text: text.to_owned(),
    }
}
