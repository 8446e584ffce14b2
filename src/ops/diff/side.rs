//! One side of a comparison: a manifest, and whatever else can be known about it.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::database;
use super::difference::{OriginsFrom, Side, SideKind, VersionsFrom};
use super::error::DiffError;
use super::image::{EROFS_SUFFIX, Image, Read, TAR_SUFFIXES, unknown};
use crate::appraise::NotChecked;
use crate::baseline::{Draft, Serial, Statement, Subject};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::expect::Expectations;
use crate::harden::Results;
use crate::limits;
use crate::lock::Lockfile;
use crate::manifest::{Entry, Manifest};
use crate::path::Escaped;
use crate::sys::fs;
use crate::sys::material::{ENVELOPE_SUFFIX, LOCK_SUFFIX, with_suffix, without_suffix};
use crate::tree::{Kind, Origin};

/// The suffix of a draft's file name.
const DRAFT_SUFFIX: &str = ".statement.json";

/// All that is known of one side.
pub(super) struct Loaded {
    pub(super) side: Side,
    pub(super) manifest: Manifest,
    /// What may vary; `None` where nobody says.
    pub(super) expectations: Option<Expectations>,
    /// What came of hardening rules; `None` where nobody says.
    pub(super) rules: Option<Results>,
    /// Versions of packages by name; `None` where nobody says.
    pub(super) versions: Option<BTreeMap<String, String>>,
    pub(super) not_checked: Vec<NotChecked>,
    /// Where contents can be read.
    pub(super) image: Option<Image>,
}

impl Loaded {
    /// Reads whatever `path` names.
    pub(super) fn read(path: &Path, threads: NonZero<usize>) -> Result<Self, DiffError> {
        if let Some(image) = Image::named(path, threads)? {
            return Self::of_image(image);
        }
        let suffixes = [Subject::Manifest.suffix(), ENVELOPE_SUFFIX, DRAFT_SUFFIX];
        if let Some((stem, suffix)) = find_suffix(path, &suffixes) {
            return Self::of_baseline(path, &stem, suffix);
        }
        Err(DiffError::Name(path.to_owned()))
    }

    /// Who put `entry` there; `None` where nobody says.
    pub(super) fn origin(entry: &Entry) -> Option<&Origin> {
        Some(&*entry.origin).filter(|origin| **origin != unknown())
    }

    fn of_baseline(path: &Path, stem: &Path, suffix: &str) -> Result<Self, DiffError> {
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

        let file = with_suffix(stem, Subject::Manifest.suffix());
        let manifest = Manifest::parse(&fs::read(&file, limits::MANIFEST_MAX)?)?;
        if digest(Subject::Manifest).is_some_and(|signed| signed != manifest.digest()) {
            return Err(DiffError::Neighbour(file));
        }
        let file = with_suffix(stem, Subject::Expectations.suffix());
        let expectations = match fs::read(&file, limits::EXPECTATIONS_MAX) {
            Ok(bytes) => Some(Expectations::parse(&bytes)?),
            // A manifest may be compared alone; a statement names its expectations.
            Err(error) if error.is_not_found() && baseline.is_none() => None,
            Err(error) => return Err(error.into()),
        };
        if let (Some(signed), Some(found)) = (digest(Subject::Expectations), &expectations)
            && signed != found.digest()
        {
            return Err(DiffError::Neighbour(file));
        }
        let rules = match digest(Subject::Rules) {
            Some(signed) => rules(stem, signed)?,
            None => None,
        };
        let versions = baseline
            .and_then(|baseline| lock(stem, Some(baseline.inputs.lock)))
            .map(|lock| locked(&lock));
        Ok(Self {
            side: Side {
                name: baseline.map(|baseline| baseline.name.to_string()),
                version: baseline.map(|baseline| baseline.version.to_string()),
                serial: serial.map(Serial::get),
                origins_from: Some(OriginsFrom::Manifest),
                versions_from: versions.as_ref().map(|_| VersionsFrom::Lock),
                ..side(path, SideKind::Baseline, &manifest)
            },
            manifest,
            expectations,
            rules,
            versions,
            not_checked: Vec::new(),
            image: None,
        })
    }

    fn of_image(image: Image) -> Result<Self, DiffError> {
        let kind = match &image {
            Image::Directory(..) => SideKind::Directory,
            Image::Erofs(..) => SideKind::Erofs,
            Image::Oci(_) => SideKind::Oci,
            Image::Tar(_) => SideKind::Tar,
        };
        let mut read = image.read(&mut database::keep())?;
        let mut notes = Vec::new();
        let expectations = said("expectations", database::expectations(&read), &mut notes);
        let own = said("manifest", database::manifest(&read), &mut notes);
        let (versions, versions_from) =
            match said("package database", database::versions(&read), &mut notes) {
                Some(versions) => (Some(versions), Some(VersionsFrom::Dpkg)),
                None => match beside(&image) {
                    Some(lock) => (Some(locked(&lock)), Some(VersionsFrom::Lock)),
                    None => (None, None),
                },
            };
        let origins_from = match &own {
            Some(own) => {
                for entry in own.entries() {
                    if let Some(inode) = read.tree.get_mut(&entry.path) {
                        inode.origin = (*entry.origin).clone();
                    }
                }
                Some(OriginsFrom::Manifest)
            }
            None => said("package lists", database::owners(&read), &mut notes).map(|owners| {
                for (path, package) in owners {
                    if let Some(inode) = read.tree.get_mut(&path) {
                        inode.origin = Origin::Package(package);
                    }
                }
                OriginsFrom::Dpkg
            }),
        };
        let Read {
            tree, not_checked, ..
        } = read;
        let tree = tree.seal().map_err(|source| DiffError::Tree {
            path: image.path().to_owned(),
            source,
        })?;
        let manifest = Manifest::of(&tree);
        if own.is_some_and(|own| own.digest() != manifest.digest()) && not_checked.is_empty() {
            notes.push(
                "The manifest inside of it describes other paths or contents: it was changed after it was built."
                    .to_owned(),
            );
        }
        Ok(Self {
            side: Side {
                origins_from,
                versions_from,
                notes,
                ..side(image.path(), kind, &manifest)
            },
            manifest,
            expectations,
            rules: None,
            versions,
            not_checked,
            image: Some(image),
        })
    }
}

/// What the image says about itself, if that can be read; otherwise a note.
fn said<T>(what: &str, said: Option<Result<T, String>>, notes: &mut Vec<String>) -> Option<T> {
    match said? {
        Ok(value) => Some(value),
        Err(error) => {
            let error = Escaped(error.as_bytes());
            notes.push(format!("Its own {what} cannot be used: {error}."));
            None
        }
    }
}

fn side(path: &Path, kind: SideKind, manifest: &Manifest) -> Side {
    Side {
        file: Escaped(path.as_os_str().as_bytes()).to_string(),
        kind,
        name: None,
        version: None,
        serial: None,
        paths: manifest.entries().len(),
        bytes: manifest.entries().iter().map(size_once(manifest)).sum(),
        origins_from: None,
        versions_from: None,
        notes: Vec::new(),
    }
}

/// The size of a regular file, at the first of its names only.
pub(super) fn size_once(manifest: &Manifest) -> impl Fn(&Entry) -> u64 {
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

/// The lock beside an image.
fn beside(image: &Image) -> Option<Lockfile> {
    let stem = match image {
        Image::Directory(..) => return None,
        Image::Erofs(path, _) => find_suffix(path, &[EROFS_SUFFIX]),
        Image::Oci(path) => find_suffix(path, &[".oci", ".oci/"]),
        Image::Tar(path) => find_suffix(path, &TAR_SUFFIXES),
    };
    lock(&stem?.0, None)
}

/// The results of rules beside a statement that names them; `None` where they are not at hand.
fn rules(stem: &Path, signed: Digest) -> Result<Option<Results>, DiffError> {
    let file = with_suffix(stem, Subject::Rules.suffix());
    let bytes = match fs::read(&file, limits::RULE_RESULTS_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if Digest::of(&bytes) != signed {
        return Err(DiffError::Neighbour(file));
    }
    Ok(Some(Results::parse(&bytes)?))
}

/// The lock beside a baseline, if it is the one that the statement names.
pub(in crate::ops) fn lock(stem: &Path, signed: Option<Digest>) -> Option<Lockfile> {
    let text = fs::read_text(with_suffix(stem, LOCK_SUFFIX), limits::LOCKFILE_MAX).ok()?;
    let lock = Lockfile::parse(&text).ok()?;
    signed
        .is_none_or(|signed| lock.digest() == signed)
        .then_some(lock)
}

/// The versions that a lock names, by package.
pub(in crate::ops) fn locked(lock: &Lockfile) -> BTreeMap<String, String> {
    lock.packages
        .iter()
        .map(|package| (package.name.to_string(), package.version.to_string()))
        .collect()
}

fn find_suffix<'a>(path: &Path, suffixes: &[&'a str]) -> Option<(PathBuf, &'a str)> {
    suffixes
        .iter()
        .find_map(|suffix| Some((without_suffix(path, suffix)?, *suffix)))
}
