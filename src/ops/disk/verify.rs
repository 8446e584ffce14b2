//! `karat verify --disk`, without printing: the container opened, and the disk in it handed to the door.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::ConvertError;
use super::convert::unpack;
use crate::appraise::{
    Assurance, Circumstances, Finding, Neighbour, Target, Terms, Verdict, Verification,
};
use crate::disk::{self, Answer, Outside, Question};
use crate::image::disk::{Container, DiskError};
use crate::image::uki;
use crate::layout::{Source, SourceError};
use crate::limits;
use crate::ops::further::neighbours;
use crate::ops::verify::Request;
use crate::path::Escaped;
use crate::progress::{Progress, Unit};
use crate::sys::clock::{self, Stopwatch};
use crate::sys::fs::{FileSource, IoError, Scratch};
use crate::sys::material;

/// What a disk is verified against.
struct Against<'a> {
    trust: Neighbour,
    outside: Option<Outside>,
    terms: Terms,
    request: &'a Request,
    progress: &'a dyn Progress,
}

/// Verifies the disk in the file or block device at `path` under the trust root of that path, by the
/// Envelopes on it or by the one beside it whose name without its suffix is given.
///
/// # Errors
/// This machine cannot read something, or has no room to unpack the disk. Whatever is wrong with the disk or its
/// container is in the answer.
pub(in crate::ops) fn verify(
    path: &Path,
    request: &Request,
    (trust, beside): (&Path, Option<&Path>),
    progress: &dyn Progress,
) -> Result<Verification, IoError> {
    let outside = match beside {
        Some(stem) => {
            let material = material::read(stem, trust)?;
            Some(Outside {
                envelope: material.envelope,
                receipt: material.receipt,
                manifest: material.manifest,
                expectations: material.expectations,
                newer_roots: material.newer_roots,
            })
        }
        None => None,
    };
    let against = Against {
        trust: material::neighbour(trust, limits::TRUST_ROOT_MAX)?,
        outside,
        terms: Terms {
            image: request.image.clone(),
            expiry: request.expiry,
            now: clock::now(),
        },
        request,
        progress,
    };
    let answer = answer(path, &against)?;
    let mut findings = answer.findings;
    findings.extend(neighbours(&stem(path), answer.statement.as_deref())?);
    Ok(Verification {
        target: Target {
            kind: "disk",
            path: Escaped(path.as_os_str().as_bytes()).to_string(),
        },
        circumstances: Circumstances {
            assurance: Assurance::Archive,
            clock: against.terms.now,
            expiry: request.expiry,
            boot: None,
            booted: None,
            remembered: None,
        },
        baseline: answer.baseline,
        findings,
        artefact: answer.artefact,
        report: answer.report,
        disk: answer.disk,
        explanation: answer.explanation,
        inputs: answer.inputs,
        nonce: request.nonce.clone(),
        groups: Vec::new(),
        lines: BTreeMap::new(),
    })
}

/// `X` of `X.raw`, or of a disk in another container: what else the build wrote lies beside it.
pub(in crate::ops) fn stem(path: &Path) -> PathBuf {
    let suffixes = Container::ALL.into_iter().map(Container::suffix);
    let mut stems = suffixes.filter_map(|suffix| material::without_suffix(path, suffix));
    stems.next().unwrap_or_else(|| path.to_owned())
}

fn answer(path: &Path, against: &Against<'_>) -> Result<Answer, IoError> {
    let file = FileSource::open(path)?;
    match opened(&file, path, against) {
        Ok(answer) => Ok(answer),
        Err(Trouble::Io(error)) => Err(error),
        Err(Trouble::Container(
            DiskError::Source(SourceError::Io { error, .. }) | DiskError::Io(error),
        )) if error.raw_os_error().is_some() => Err(IoError::new("read", path, error)),
        Err(Trouble::Container(error)) => broken(path, &error, against),
    }
}

/// Why there is no disk to look at.
enum Trouble {
    /// What lies in the file is none.
    Container(DiskError),
    /// There is no room for it.
    Io(IoError),
}

impl From<DiskError> for Trouble {
    fn from(error: DiskError) -> Self {
        Self::Container(error)
    }
}

fn opened(file: &FileSource, path: &Path, against: &Against<'_>) -> Result<Answer, Trouble> {
    let container = Container::detect(file)?;
    let answer = if container == Container::Gcp {
        let room = Scratch::new("disk").map_err(Trouble::Io)?;
        let near = room.path().join("disk.raw");
        let unpacked = unpack(file, path, &near, against.progress);
        let (_held, disk) = unpacked.map_err(|error| match error {
            ConvertError::Io(error) => Trouble::Io(error),
            ConvertError::Disk { source, .. } => Trouble::Container(source),
        })?;
        look(&disk, container.name(), against)
    } else {
        look(container.open(file)?.disk(), container.name(), against)
    };
    Ok(answer.map_err(DiskError::Source)?)
}

fn look(
    source: &dyn Source,
    container: &'static str,
    against: &Against<'_>,
) -> Result<Answer, SourceError> {
    let (watch, progress) = (Stopwatch::start(), against.progress);
    let steps = Mutex::new(BTreeMap::new());
    let told = |step: &'static str, total: u64, done: u64| {
        let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.insert(step, done).is_none() {
            progress.started(step, Some(total), Unit::Bytes);
        }
        progress.advanced(step, done, None);
    };
    let question = Question {
        disk: source,
        container,
        trust: against.trust.clone(),
        outside: against.outside.clone(),
        terms: against.terms.clone(),
        explain: against.request.explain.clone(),
        threads: against.request.threads,
        inside: Some(&uki::inside),
        told: &told,
    };
    let answer = disk::verify(&question);
    for (step, done) in steps.into_inner().unwrap_or_else(PoisonError::into_inner) {
        progress.finished(step, format!("{done} bytes"), watch.seconds());
    }
    answer
}

/// A container that breaks a rule of its format is not what was published, and nothing in it can be
/// compared.
fn broken(path: &Path, error: &DiskError, against: &Against<'_>) -> Result<Answer, IoError> {
    // The door says that there is no disk; this says why.
    let nothing: &[u8] = &[];
    let mut answer = look(&nothing, "raw", against).map_err(|error| failed(path, error))?;
    let path = Escaped(path.as_os_str().as_bytes());
    answer.findings = vec![
        Finding {
            verdict: Verdict::Drift,
            message: format!("{path} has no disk that can be read: {error}"),
            hint: Some("fetch it again from where it was published".to_owned()),
        },
        Finding {
            verdict: Verdict::Incomplete,
            message: "nothing on the disk could be compared".to_owned(),
            hint: None,
        },
    ];
    Ok(answer)
}

fn failed(path: &Path, error: SourceError) -> IoError {
    match error {
        SourceError::Io { error, .. } => IoError::new("read", path, error),
        error @ SourceError::Outside { .. } => IoError::new("read", path, io::Error::other(error)),
    }
}
