//! From the file of a statement to what is known of the image.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::beside::{self, Beside};
use super::run::{ResponsibilityError, shown};
use crate::baseline::{Baseline, Draft, Statement, Subject, Verified};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Role, TrustRoot};
use crate::limits;
use crate::ops::export::Opened;
use crate::responsibility::{Finding, Image, Named, Said, SignedBy, Standing, Weight};
use crate::sys::fs;
use crate::sys::material::{ENVELOPE_SUFFIX, without_suffix};
use crate::tlog::Logged;

/// The suffix of a draft.
const DRAFT_SUFFIX: &str = ".statement.json";
/// Most names in a directory of outputs: a build leaves some ten.
const NAMES_MAX: usize = 100_000;

/// A file that speaks for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// The path without suffix: what stands beside it begins so.
    stem: PathBuf,
    kind: SourceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceKind {
    /// An envelope that somebody named.
    Envelope,
    /// One that was found in a directory: others than statements may be there, too.
    Found,
    Draft,
}

/// What was read of an image.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) image: Image,
    /// SHA-256 of the envelope's file.
    pub(super) envelope: Option<Digest>,
}

impl Source {
    pub(super) fn is_envelope(&self) -> bool {
        self.kind != SourceKind::Draft
    }
}

/// All files that speak for images, in the order in which they were named; in a directory by name. Of
/// an image that has an envelope there the draft is left out.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, ResponsibilityError> {
    let mut sources = Vec::new();
    for path in paths {
        if fs::is_dir(path)? {
            let found = in_directory(path)?;
            if found.is_empty() {
                return Err(ResponsibilityError::NoImage(path.clone()));
            }
            sources.extend(found);
        } else {
            sources.push(named(path));
        }
        if sources.len() > limits::RESPONSIBILITY_IMAGES_MAX {
            return Err(ResponsibilityError::TooManyImages);
        }
    }
    Ok(sources)
}

fn named(path: &Path) -> Source {
    let draft = without_suffix(path, DRAFT_SUFFIX);
    let kind = match draft {
        Some(_) => SourceKind::Draft,
        None => SourceKind::Envelope,
    };
    let stem = draft.or_else(|| without_suffix(path, ENVELOPE_SUFFIX));
    Source {
        path: path.to_owned(),
        stem: stem.unwrap_or_else(|| path.to_owned()),
        kind,
    }
}

fn in_directory(directory: &Path) -> Result<Vec<Source>, ResponsibilityError> {
    let names = fs::list_up_to(directory, NAMES_MAX)?;
    let ends = |name: &OsStr, suffix: &str| name.as_bytes().ends_with(suffix.as_bytes());
    let mut sources: Vec<Source> = Vec::new();
    for name in names.iter().filter(|name| ends(name, ENVELOPE_SUFFIX)) {
        sources.push(Source {
            kind: SourceKind::Found,
            ..named(&directory.join(name))
        });
    }
    for name in names.iter().filter(|name| ends(name, DRAFT_SUFFIX)) {
        let draft = named(&directory.join(name));
        if !sources.iter().any(|source| source.stem == draft.stem) {
            sources.push(draft);
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// Reads what a source says; `None` where it is about something else than an image.
pub(super) fn read(
    source: &Source,
    root: Option<&TrustRoot>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Read>, ResponsibilityError> {
    let file = shown(&source.path);
    let (Some(root), true) = (root, source.is_envelope()) else {
        return draft(source, file, findings).map(Some);
    };
    let bytes = fs::read(&source.path, limits::ENVELOPE_MAX)?;
    if source.kind == SourceKind::Found && is_about_something_else(&bytes) {
        findings.push(Finding {
            weight: Weight::Note,
            subject: file,
            text: "it is no statement about an image, and was left out".to_owned(),
        });
        return Ok(None);
    }
    let envelope = Some(Digest::of(&bytes));
    let opened = match Opened::read(&source.path, root) {
        Ok(opened) => opened,
        Err(error) => {
            let why = error.to_string();
            let prefix = format!("{}: ", source.path.display());
            let why = why.strip_prefix(&prefix).unwrap_or(&why).to_owned();
            let image = Image {
                file,
                standing: Standing::Untrusted { why },
                said: None,
            };
            return Ok(Some(Read { image, envelope }));
        }
    };
    let verified = opened.verified();
    let standing = Standing::Signed(signed_by(verified, root));
    let statement = Digest::of(opened.payload());
    let beside = beside::read(&source.stem, verified.baseline(), true, findings)?;
    let mut said = said(verified.baseline(), statement, beside);
    said.serial = Some(verified.serial().get());
    said.expires = verified.expires();
    let image = Image {
        file,
        standing,
        said: Some(said),
    };
    Ok(Some(Read { image, envelope }))
}

/// Whether this is a well-formed envelope of another kind of statement, such as provenance. What is no
/// envelope at all is not left out: whoever put it in an envelope's place wants something.
fn is_about_something_else(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Probe {
        #[serde(rename = "predicateType")]
        predicate: String,
    }
    let Ok(envelope) = Envelope::parse(bytes) else {
        return false;
    };
    let payload = &envelope.signed().payload;
    let probe: Result<Probe, _> = crate::json::read(payload, limits::ENVELOPE_MAX);
    probe.is_ok_and(|probe| probe.predicate != Statement::PREDICATE_TYPE)
}

fn draft(
    source: &Source,
    file: String,
    findings: &mut Vec<Finding>,
) -> Result<Read, ResponsibilityError> {
    let bytes = fs::read(&source.path, limits::ENVELOPE_MAX)?;
    let (standing, said) = match Draft::parse(&bytes) {
        Ok(draft) => {
            let beside = beside::read(&source.stem, draft.baseline(), false, findings)?;
            let said = said(draft.baseline(), Digest::of(&bytes), beside);
            (Standing::Unsigned, Some(said))
        }
        Err(error) => {
            let why = error.to_string();
            (Standing::Untrusted { why }, None)
        }
    };
    let image = Image {
        file,
        standing,
        said,
    };
    Ok(Read {
        image,
        envelope: None,
    })
}

fn signed_by(verified: &Verified<Statement>, root: &TrustRoot) -> SignedBy {
    let threshold = root.role(Role::Baseline).map_or(0, |role| role.threshold);
    SignedBy {
        keys: verified
            .quorum()
            .keys()
            .map(|key| key.id().to_string())
            .collect(),
        threshold: u64::try_from(threshold).unwrap_or(u64::MAX),
        trust_root: verified.root_version(),
        log_index: verified.logged().map(Logged::index),
    }
}

fn said(baseline: &Baseline, statement: Digest, beside: Beside) -> Said {
    let subjects = baseline.subjects.iter().map(|(subject, digest)| Named {
        name: baseline.subject_name(*subject),
        sha256: *digest,
    });
    Said {
        name: baseline.name.as_str().to_owned(),
        version: baseline.version.as_str().to_owned(),
        serial: None,
        epoch: baseline.epoch,
        expires: None,
        statement,
        subjects: subjects.collect(),
        manifest: baseline.digest(Subject::Manifest),
        template: baseline.inputs.template,
        lock: baseline.inputs.lock,
        builder: baseline.builder.clone(),
        placement: baseline.segment.clone(),
        rules: beside.rules,
        locked: beside.locked,
        sbom: beside.sbom,
        attestations: Vec::new(),
        history: None,
    }
}
