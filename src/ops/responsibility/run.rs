//! The whole, step by step.

use std::num::NonZero;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::attest::Attestations;
use super::fleet;
use super::history::{self, Audited};
use super::image::{self, Source};
use super::summaries;
use crate::digest::Digest;
use crate::json::JsonError;
use crate::key::TrustRoot;
use crate::limits;
use crate::ops::audit::AuditFailure;
use crate::ops::log::AnyLog;
use crate::ops::segment::SegmentError;
use crate::ops::trust::{self, TrustFileError};
use crate::path::Escaped;
use crate::progress::Progress;
use crate::responsibility::{
    Case, ControlError, Finding, Matrix, Model, Provider, Report, Weight, judge,
};
use crate::sys::fs::{self, IoError};
use crate::tree::Epoch;

/// What a report is asked for.
#[expect(missing_debug_implementations, reason = "a log has none")]
pub struct Request<'a> {
    /// Envelopes, drafts, and directories of them.
    pub images: &'a [PathBuf],
    /// The trust root that decides whose signatures count; needed where there is an envelope.
    pub trust: Option<&'a Path>,
    /// Whose cloud.
    pub provider: Provider,
    /// Which model.
    pub model: Model,
    /// The time for which evidence is weighed.
    pub at: Epoch,
    /// Files of controls besides those that come with karat.
    pub controls: &'a [PathBuf],
    /// The log of signatures, and what it is called.
    pub log: Option<(&'a AnyLog, &'a str)>,
    /// Reports of verifications.
    pub verdicts: &'a [PathBuf],
    /// Signed summaries of verifications.
    pub summaries: &'a [PathBuf],
    /// Templates of the fleet.
    pub segments: Option<&'a Path>,
    /// How many threads may work. It decides speed, never a byte.
    pub threads: NonZero<usize>,
}

/// Why there is no report. What is wrong with evidence is in the report.
#[derive(Debug, thiserror::Error)]
pub enum ResponsibilityError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file of controls is refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The trust root cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustFileError),
    /// The log cannot be audited.
    #[error(transparent)]
    Audit(#[from] AuditFailure),
    /// The templates of the fleet cannot be read.
    #[error(transparent)]
    Fleet(#[from] SegmentError),
    /// There is an envelope, and nothing to judge it by.
    #[error("{}: there is no trust root to open it under", Escaped(.0.as_os_str().as_bytes()))]
    NoTrust(PathBuf),
    /// Nothing that was named is about an image.
    #[error("there is no envelope (.dsse.json) and no draft (.statement.json) in {}", Escaped(.0.as_os_str().as_bytes()))]
    NoImage(PathBuf),
    /// More images than one report takes.
    #[error("there are more than {} images", limits::RESPONSIBILITY_IMAGES_MAX)]
    TooManyImages,
    /// More reports of verifications than one report takes.
    #[error(
        "there are more than {} reports or summaries of verifications",
        limits::RESPONSIBILITY_VERDICTS_MAX
    )]
    TooManyVerdicts,
    /// A file that is no report of a verification.
    #[error("{path}: it is no report of `karat verify --json`: {source}")]
    Verdict {
        /// Which file.
        path: String,
        /// Why.
        source: JsonError,
    },
}

/// Gathers evidence, verifies it, and weighs it.
///
/// # Errors
/// Something that was named cannot be read at all. Evidence that is not trusted, too old or broken is in
/// the report.
pub fn report(
    request: &Request<'_>,
    progress: &dyn Progress,
) -> Result<Report, ResponsibilityError> {
    let mut matrix = Matrix::shipped()?;
    for path in request.controls {
        let bytes = fs::read(path, limits::CONTROLS_FILE_MAX)?;
        matrix.add(&shown(path), &bytes)?;
    }
    let sources = image::sources(request.images)?;
    let mut findings = Vec::new();
    let root = root(request, &sources, &mut findings)?;
    let mut images = Vec::new();
    for source in &sources {
        let root = root.as_ref().map(|(root, _)| root);
        images.extend(image::read(source, root, &mut findings)?);
    }
    Attestations::read(request.verdicts)?.attach(&mut images, &mut findings);
    if let Some((root, policy)) = &root {
        let by = (root, *policy);
        summaries::attach(request.summaries, by, &mut images, &mut findings)?;
    }
    let mut log = None;
    if let (Some((opened, name)), Some(trust)) = (request.log, request.trust) {
        let audited = Audited::of(opened, name, trust, request.threads, progress)?;
        history::attach(&audited, &mut images);
        log = Some(audited.log);
    }
    let fleet = match request.segments {
        Some(path) => Some(fleet::check(path, request.at)?),
        None => None,
    };
    let images: Vec<_> = images.into_iter().map(|read| read.image).collect();
    Ok(judge(Case {
        matrix: &matrix,
        provider: request.provider,
        model: request.model,
        at: request.at,
        images: &images,
        fleet: fleet.as_ref(),
        log: log.as_ref(),
        findings,
    }))
}

/// The trust root and the digest of its file, where one was named or is needed.
fn root(
    request: &Request<'_>,
    sources: &[Source],
    findings: &mut Vec<Finding>,
) -> Result<Option<(TrustRoot, Digest)>, ResponsibilityError> {
    let envelope = sources.iter().find(|source| source.is_envelope());
    let signed = envelope.map(|source| &source.path);
    let signed = signed.or_else(|| request.summaries.first());
    let Some(path) = request.trust else {
        let no_trust = |path: &PathBuf| ResponsibilityError::NoTrust(path.clone());
        return signed.map_or(Ok(None), |path| Err(no_trust(path)));
    };
    if signed.is_none() && request.log.is_none() {
        return Ok(None);
    }
    let (root, file) = trust::read_with_bytes(path)?;
    if root.expires().is_some_and(|at| at < request.at.seconds()) {
        findings.push(Finding {
            weight: Weight::Incomplete,
            subject: shown(path),
            text: "the trust root has expired: newer ones may have ended keys".to_owned(),
        });
    }
    Ok(Some((root, Digest::of(&file))))
}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    Escaped(path.as_os_str().as_bytes()).to_string()
}
