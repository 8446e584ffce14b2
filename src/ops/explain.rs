//! What else is known about drifts: versions of their packages, and which lines of texts differ.
//!
//! Nothing here decides anything: the verdict is there before. Of what was signed, only bytes are
//! used whose digests are signed: the lock that the statement names, and files of an image whose
//! digests are those of the manifest.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use super::diff::database::installed_versions;
use super::diff::files::Files;
use super::diff::image::{EROFS_SUFFIX, Image, TAR_SUFFIXES};
use super::diff::{DiffError, lines, side};
use super::disk::DiskFile;
use crate::appraise::{Change, Drift, Finding, Group, Lines, Verdict, Versions, groups};
use crate::baseline::Statement;
use crate::image::disk::Container;
use crate::limits;
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::sys::fs;
use crate::sys::material::with_suffix;
use crate::sys::packages::STATUS;
use crate::tree::{Blobs as _, Content, Kind, Origin};

/// What to explain, and where what explains it is.
pub(super) struct Question<'a> {
    /// The files of what was verified.
    pub(super) files: &'a dyn Files,
    /// Where that is.
    pub(super) place: &'a Path,
    /// What the names of the Envelope and its neighbours begin with.
    pub(super) stem: &'a Path,
    /// The signed statement.
    pub(super) statement: &'a Statement,
    /// The signed manifest.
    pub(super) manifest: &'a Manifest,
    /// What drifted.
    pub(super) drifts: &'a [Drift],
    /// The image whose files are the signed ones, if somebody named it.
    pub(super) against: Option<&'a Path>,
    /// The only path whose lines matter, if somebody asked about one.
    pub(super) path: Option<&'a ImagePath>,
    /// How many threads to read with.
    pub(super) threads: NonZero<usize>,
}

/// What is known.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) groups: Vec<Group>,
    pub(super) lines: BTreeMap<ImagePath, Lines>,
    /// Why lines are not known that were asked for.
    pub(super) findings: Vec<Finding>,
}

/// Finds out.
///
/// # Errors
/// The image that somebody named cannot be read. Of one that was found beside the Envelope, a
/// finding says so.
pub(super) fn explain(question: &Question<'_>) -> Result<Answer, DiffError> {
    let mut answer = Answer::default();
    let named = match question.against {
        Some(path) => Some(named(path, question.threads)?),
        None => None,
    };
    let changed = changed(question, &mut answer.lines);
    if let Some(reference) = &named {
        answer.lines.extend(lines::between_images(
            reference.as_ref(),
            question.files,
            changed,
        )?);
    } else if question.path.is_some()
        && !changed.is_empty()
        && let Some(reference) = beside(question)?
    {
        match lines::between_images(reference.as_ref(), question.files, changed) {
            Ok(lines) => answer.lines.extend(lines),
            Err(error) => answer.findings.push(Finding {
                verdict: Verdict::Match,
                message: format!("the lines that differ cannot be shown: {error}"),
                hint: Some("name another copy of the image: --against FILE".to_owned()),
            }),
        }
    }
    let of_package = |drift: &Drift| matches!(drift.owner.origin(), Origin::Package(_));
    if question.drifts.iter().any(of_package) {
        let signed = signed_versions(question, named.as_deref());
        let observed = signed
            .as_ref()
            .and_then(|_| observed_versions(question.files));
        answer.groups = groups(question.drifts, signed.as_ref(), observed.as_ref());
    }
    Ok(answer)
}

fn named(path: &Path, threads: NonZero<usize>) -> Result<Box<dyn Files>, DiffError> {
    // Whatever is there can be named; what is not shall be an error even where nothing drifted.
    if !fs::is_dir(path)? {
        fs::open(path)?;
        if let Some(disk) = DiskFile::named(path) {
            return Ok(Box::new(disk));
        }
    }
    match Image::named(path, threads)? {
        Some(image) => Ok(Box::new(image)),
        None => Err(DiffError::Name(path.to_owned())),
    }
}

/// An image beside the Envelope that is not what was verified.
fn beside(question: &Question<'_>) -> Result<Option<Box<dyn Files>>, DiffError> {
    let subject = fs::absolute(question.place)?;
    let disks = Container::ALL.map(Container::suffix);
    let images = TAR_SUFFIXES.into_iter().chain([".oci", EROFS_SUFFIX]);
    for suffix in images.chain(disks) {
        let path = with_suffix(question.stem, suffix);
        if fs::exists(&path)? && fs::absolute(&path)? != subject {
            return named(&path, question.threads).map(Some);
        }
    }
    Ok(None)
}

/// Files whose contents are others, with both contents; what is too large to be read goes to
/// `lines`.
fn changed(
    question: &Question<'_>,
    lines: &mut BTreeMap<ImagePath, Lines>,
) -> Vec<(ImagePath, Content, Content)> {
    let mut changed = Vec::new();
    let is_wanted = |drift: &&Drift| question.path.is_none_or(|path| *path == drift.path);
    for drift in question.drifts.iter().filter(is_wanted) {
        let Change::Content { expected, observed } = &drift.change else {
            continue;
        };
        match observed.digest {
            Some(digest) => {
                let size = observed.size;
                changed.push((drift.path.clone(), *expected, Content { digest, size }));
            }
            // Somebody may never ask for lines: then nobody shall read that there are none.
            None if question.against.is_some() => {
                lines.insert(drift.path.clone(), Lines::TooLarge);
            }
            None => {}
        }
    }
    changed
}

/// Versions by the lock that the statement names, else by the package database as it was signed.
fn signed_versions(question: &Question<'_>, reference: Option<&dyn Files>) -> Option<Versions> {
    let lock = question.statement.baseline().inputs.lock;
    if let Some(lock) = side::lock(question.stem, Some(lock)) {
        return Some(side::locked(&lock));
    }
    let path = ImagePath::parse(STATUS).ok()?;
    let Kind::Regular(content) = question.manifest.get(&path)?.kind else {
        return None;
    };
    if content.size > limits::DPKG_STATUS_MAX {
        return None;
    }
    let kept = reference?.contents(&BTreeMap::from([(path, content)]));
    Some(installed_versions(&kept.ok()?.read(&content).ok()?))
}

/// Versions by the package database of what was verified.
fn observed_versions(files: &dyn Files) -> Option<Versions> {
    let path = ImagePath::parse(STATUS).ok()?;
    let bytes = files.file(&path, limits::DPKG_STATUS_MAX)?;
    Some(installed_versions(&bytes))
}
