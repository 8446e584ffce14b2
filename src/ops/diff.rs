//! `karat diff`, without printing: what differs between two baselines.
//!
//! Nothing is trusted here and nothing is judged: manifests are compared as they are. Who wants to
//! know whether they are signed verifies them.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::appraise::{Change, Evidence, Owner, Severity, appraise};
use crate::baseline::{Draft, Serial, Statement, StatementError, Subject};
use crate::envelope::{Envelope, EnvelopeError};
use crate::expect::{Expectations, ExpectationsError};
use crate::limits;
use crate::lock::Lockfile;
use crate::manifest::{Entry, Manifest, ManifestError, is_reserved};
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::sys::material::{ENVELOPE_SUFFIX, with_suffix, without_suffix};
use crate::tree::{Kind, Origin};

/// The suffix of a draft's file name.
const DRAFT_SUFFIX: &str = ".statement.json";

/// What differs between two baselines.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What is compared with.
    pub from: Side,
    /// What is compared.
    pub to: Side,
    /// Packages, by name.
    pub packages: Vec<PackageChange>,
    /// Paths, in bytewise order; one that changed in several ways stands there for each.
    pub paths: Vec<PathChange>,
    /// Patterns of mutable paths that only the newer one has, and how far they let paths differ.
    pub mutable_added: BTreeMap<String, &'static str>,
    /// Patterns of mutable paths that only the older one has.
    pub mutable_removed: BTreeMap<String, &'static str>,
}

/// One of the two.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// The file that was named.
    pub file: String,
    /// The image's name, where a statement says it.
    pub name: Option<String>,
    /// The image's version, where a statement says it.
    pub version: Option<String>,
    /// The release's serial, where an envelope says it.
    pub serial: Option<u64>,
    /// How many paths there are.
    pub paths: usize,
    /// Bytes of all regular files, hard links counted once.
    pub bytes: u64,
}

/// A package that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub change: PackageEvent,
    /// The version in the older one, where its lock is beside it.
    pub from: Option<String>,
    /// The version in the newer one, where its lock is beside it.
    pub to: Option<String>,
    /// How many of its paths differ.
    pub paths: u64,
    /// Bytes of its regular files in the newer one less those in the older one.
    pub bytes: i64,
}

/// What happened to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageEvent {
    /// It is new.
    Added,
    /// Some of its paths differ, or its version does.
    Changed,
    /// It is gone.
    Removed,
}

/// One way in which a path differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathChange {
    /// The path; what is not printable is escaped.
    pub path: String,
    /// `added`, `content`, `links`, `mode`, `owner`, `removed`, `target`, `type` or `xattr`.
    pub change: &'static str,
    /// In the older one.
    pub from: Option<String>,
    /// In the newer one.
    pub to: Option<String>,
    /// Who owns it, in the newer one where it is there.
    pub origin: String,
    /// How much to look at it.
    pub severity: &'static str,
    /// What the change makes possible.
    pub effects: Vec<&'static str>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.paths.is_empty()
            && self.mutable_added.is_empty()
            && self.mutable_removed.is_empty()
    }
}

/// Why two baselines cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A name that is neither a manifest's nor that of a statement beside one.
    #[error("{}: give X.mtree, X.dsse.json or X.statement.json", Escaped(.0.as_os_str().as_bytes()))]
    Name(PathBuf),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A neighbour is not the one that the statement names.
    #[error("{}: the statement beside it names another digest", Escaped(.0.as_os_str().as_bytes()))]
    Neighbour(PathBuf),
    /// The envelope is none.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The statement is none.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The expectations are none.
    #[error(transparent)]
    Expectations(#[from] ExpectationsError),
}

/// Compares two baselines: each is `X.mtree`, `X.dsse.json` or `X.statement.json`, with its
/// neighbours; `X.lock`, where it is beside them and the statement names it, gives versions.
///
/// # Errors
/// A file is missing, malformed, or not the one that the statement beside it names.
pub fn diff(from: &Path, to: &Path) -> Result<Difference, DiffError> {
    let (old, new) = (Loaded::read(from)?, Loaded::read(to)?);
    let paths = paths(&old.manifest, &new.manifest);
    Ok(Difference {
        packages: packages(&old, &new, &paths),
        mutable_added: mutable_without(&new.expectations, &old.expectations),
        mutable_removed: mutable_without(&old.expectations, &new.expectations),
        paths,
        from: old.side,
        to: new.side,
    })
}

struct Loaded {
    side: Side,
    manifest: Manifest,
    expectations: Expectations,
    versions: BTreeMap<String, String>,
}

impl Loaded {
    fn read(path: &Path) -> Result<Self, DiffError> {
        let suffixes = [Subject::Manifest.suffix(), ENVELOPE_SUFFIX, DRAFT_SUFFIX];
        let (stem, suffix) = suffixes
            .iter()
            .find_map(|suffix| Some((without_suffix(path, suffix)?, *suffix)))
            .ok_or_else(|| DiffError::Name(path.to_owned()))?;
        let (statement, serial) = match suffix {
            ENVELOPE_SUFFIX => {
                let envelope = Envelope::parse(&fs::read(path, limits::ENVELOPE_MAX)?)?;
                let statement = Statement::parse(&envelope.signed().payload)?;
                let serial = statement.serial();
                (Some(statement.draft()), Some(serial))
            }
            DRAFT_SUFFIX => {
                let draft = Draft::parse(&fs::read(path, limits::ENVELOPE_MAX)?)?;
                (Some(draft), None)
            }
            _ => (None, None),
        };
        let baseline = statement.as_ref().map(Draft::baseline);
        let digest = |subject| baseline.and_then(|baseline| baseline.digest(subject));

        let file = with_suffix(&stem, Subject::Manifest.suffix());
        let manifest = Manifest::parse(&fs::read(&file, limits::MANIFEST_MAX)?)?;
        if digest(Subject::Manifest).is_some_and(|signed| signed != manifest.digest()) {
            return Err(DiffError::Neighbour(file));
        }
        let file = with_suffix(&stem, Subject::Expectations.suffix());
        let expectations = match fs::read(&file, limits::EXPECTATIONS_MAX) {
            Ok(bytes) => Expectations::parse(&bytes)?,
            // A manifest may be compared alone; a statement names its expectations.
            Err(error) if error.is_not_found() && baseline.is_none() => Expectations::default(),
            Err(error) => return Err(error.into()),
        };
        if digest(Subject::Expectations).is_some_and(|signed| signed != expectations.digest()) {
            return Err(DiffError::Neighbour(file));
        }
        let lock = baseline.and_then(|baseline| lock(&stem, baseline.inputs.lock));
        Ok(Self {
            side: Side {
                file: Escaped(path.as_os_str().as_bytes()).to_string(),
                name: baseline.map(|baseline| baseline.name.to_string()),
                version: baseline.map(|baseline| baseline.version.to_string()),
                serial: serial.map(Serial::get),
                paths: manifest.entries().len(),
                bytes: manifest.entries().iter().map(size_once(&manifest)).sum(),
            },
            manifest,
            expectations,
            versions: lock.map(|lock| versions(&lock)).unwrap_or_default(),
        })
    }
}

/// The lock beside a baseline, if it is the one that the statement names.
fn lock(stem: &Path, signed: crate::digest::Digest) -> Option<Lockfile> {
    let text = fs::read_text(with_suffix(stem, ".lock"), limits::LOCKFILE_MAX).ok()?;
    let lock = Lockfile::parse(&text).ok()?;
    (lock.digest() == signed).then_some(lock)
}

fn versions(lock: &Lockfile) -> BTreeMap<String, String> {
    lock.packages
        .iter()
        .map(|package| (package.name.to_string(), package.version.to_string()))
        .collect()
}

/// The size of a regular file, at the first of its names only.
fn size_once(manifest: &Manifest) -> impl Fn(&Entry) -> u64 {
    let mut first: BTreeMap<u32, &[u8]> = BTreeMap::new();
    for entry in manifest.entries() {
        if let Some(group) = entry.group {
            first.entry(group).or_insert(entry.path.as_bytes());
        }
    }
    move |entry| match (&entry.kind, entry.group) {
        (Kind::Regular(_), Some(group)) if first.get(&group) != Some(&entry.path.as_bytes()) => 0,
        (Kind::Regular(content), _) => content.size,
        _ => 0,
    }
}

fn paths(old: &Manifest, new: &Manifest) -> Vec<PathChange> {
    // The newer manifest as what was observed, the older one as what was signed.
    let evidence = Evidence::of_manifest(new);
    let report = appraise(old, &Expectations::default(), &evidence);
    report
        .drifts
        .into_iter()
        .filter(|drift| !is_reserved(&drift.path))
        .map(|drift| {
            let (from, to) = drift.change.values();
            let name = drift.change.name();
            let origin = match new.get(&drift.path) {
                Some(entry) => entry.origin.to_string(),
                None => drift.owner.origin().to_string(),
            };
            let severity = match (&drift.change, &drift.owner) {
                (Change::Removed, Owner::Listed(_)) => Severity::Medium.min(drift.severity),
                _ => drift.severity,
            };
            PathChange {
                path: drift.path.to_string(),
                change: name,
                from,
                to,
                origin,
                severity: severity.name(),
                effects: drift.effects.iter().map(|effect| effect.name()).collect(),
            }
        })
        .collect()
}

fn packages(old: &Loaded, new: &Loaded, paths: &[PathChange]) -> Vec<PackageChange> {
    let sizes = |manifest: &Manifest| {
        let size = size_once(manifest);
        let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
        for entry in manifest.entries() {
            if let Origin::Package(name) = &*entry.origin {
                let bytes = i64::try_from(size(entry)).unwrap_or(i64::MAX);
                let sum = sizes.entry(name.clone()).or_default();
                *sum = sum.saturating_add(bytes);
            }
        }
        sizes
    };
    let (old_sizes, new_sizes) = (sizes(&old.manifest), sizes(&new.manifest));
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for path in paths {
        if let Some(name) = path.origin.strip_prefix("package:") {
            let count = counts.entry(name).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut names: Vec<&String> = old_sizes.keys().chain(new_sizes.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let (from, to) = (old.versions.get(name), new.versions.get(name));
            let paths = counts.get(name.as_str()).copied().unwrap_or(0);
            let other_version = from.is_some() && to.is_some() && from != to;
            let change = match (old_sizes.get(name), new_sizes.get(name)) {
                (None, Some(_)) => PackageEvent::Added,
                (Some(_), None) => PackageEvent::Removed,
                _ if paths > 0 || other_version => PackageEvent::Changed,
                _ => return None,
            };
            let size = |sizes: &BTreeMap<String, i64>| sizes.get(name).copied().unwrap_or(0);
            Some(PackageChange {
                name: name.clone(),
                change,
                from: from.cloned(),
                to: to.cloned(),
                paths,
                bytes: size(&new_sizes).saturating_sub(size(&old_sizes)),
            })
        })
        .collect()
}

/// What `one` has and `other` has not, or has with another class.
fn mutable_without(one: &Expectations, other: &Expectations) -> BTreeMap<String, &'static str> {
    one.mutable()
        .iter()
        .filter(|mutable| !other.mutable().contains(mutable))
        .map(|mutable| (mutable.path.to_string(), mutable.class.name()))
        .collect()
}
