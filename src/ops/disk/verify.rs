//! `karat verify --disk`, without printing: the container opened, and the disk in it handed to the door.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::ConvertError;
use super::convert::unpack;
use crate::appraise::{
    Assurance, Circumstances, Finding, Lines, Neighbour, Target, Terms, Verdict, Verification,
};
use crate::disk::{self, Answer, ComparedRoot, Outside, Question};
use crate::image::disk::{Container, DiskError};
use crate::image::uki;
use crate::layout::{Source, SourceError};
use crate::limits;
use crate::ops::diff::DiffError;
use crate::ops::diff::files::ErofsFiles;
use crate::ops::explain::{self, explain};
use crate::ops::further::neighbours;
use crate::ops::verify::{Request, VerifyError};
use crate::path::{Escaped, ImagePath};
use crate::progress::{Progress, Unit};
use crate::sys::clock::{self, Stopwatch};
use crate::sys::fs::{FileSource, IoError, Scratch};
use crate::sys::material;

/// What a disk is verified against.
struct Against<'a> {
    /// Where the disk is.
    path: &'a Path,
    /// What the names of all that lies beside it begin with, but for the image's own name and version.
    beside: PathBuf,
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
) -> Result<Verification, VerifyError> {
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
        path,
        beside: beside.map_or_else(|| stem(path), Path::to_owned),
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
    let (mut answer, known) = answer(path, &against)?;
    let lines = tell(&mut answer, known).map_err(VerifyError::Against)?;
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
        groups: answer.groups,
        lines,
    })
}

/// What is known of the drifts in roots, by the statement's own name and version.
type Known = BTreeMap<String, Result<explain::Answer, DiffError>>;

/// Adds it to what is said of each slot; gives the lines of the one that the report is about.
fn tell(answer: &mut Answer, known: Known) -> Result<BTreeMap<ImagePath, Lines>, DiffError> {
    let main = answer.statement.as_ref().map(|it| it.baseline().stem());
    let mut lines = BTreeMap::new();
    for (stem, told) in known {
        let told = told?;
        answer.findings.extend(told.findings);
        if Some(&stem) == main.as_ref() {
            answer.groups = told.groups;
            lines = told.lines;
            continue;
        }
        let mut slots = answer.disk.iter_mut().flat_map(|disk| &mut disk.slots);
        let slot = slots.find(|slot| slot.image == stem);
        if let Some(compared) = slot.and_then(|slot| slot.compared.as_mut()) {
            compared.groups = told.groups;
            compared.lines = told.lines;
        }
    }
    Ok(lines)
}

/// `X` of `X.raw`, or of a disk in another container: what else the build wrote lies beside it.
pub(in crate::ops) fn stem(path: &Path) -> PathBuf {
    let suffixes = Container::ALL.into_iter().map(Container::suffix);
    let mut stems = suffixes.filter_map(|suffix| material::without_suffix(path, suffix));
    stems.next().unwrap_or_else(|| path.to_owned())
}

fn answer(path: &Path, against: &Against<'_>) -> Result<(Answer, Known), IoError> {
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

fn opened(
    file: &FileSource,
    path: &Path,
    against: &Against<'_>,
) -> Result<(Answer, Known), Trouble> {
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
) -> Result<(Answer, Known), SourceError> {
    let (watch, progress) = (Stopwatch::start(), against.progress);
    let steps = Mutex::new(BTreeMap::new());
    let told = |step: &'static str, total: u64, done: u64| {
        let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.insert(step, done).is_none() {
            progress.started(step, Some(total), Unit::Bytes);
        }
        progress.advanced(step, done, None);
    };
    let known = RefCell::new(Known::new());
    let further = |root: &ComparedRoot<'_>| {
        let stem = root.statement.baseline().stem();
        let told = explain(&explain::Question {
            files: &ErofsFiles {
                bytes: root.bytes,
                path: against.path,
            },
            place: against.path,
            stem: &against.beside.with_file_name(&stem),
            statement: root.statement,
            manifest: root.manifest,
            drifts: &root.report.drifts,
            against: against.request.against.as_deref(),
            path: against.request.explain.as_ref(),
            threads: against.request.threads,
        });
        known.borrow_mut().insert(stem, told);
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
        further: Some(&further),
        told: &told,
    };
    let answer = disk::verify(&question);
    for (step, done) in steps.into_inner().unwrap_or_else(PoisonError::into_inner) {
        progress.finished(step, format!("{done} bytes"), watch.seconds());
    }
    Ok((answer?, known.into_inner()))
}

/// A container that breaks a rule of its format is not what was published, and nothing in it can be
/// compared.
fn broken(
    path: &Path,
    error: &DiskError,
    against: &Against<'_>,
) -> Result<(Answer, Known), IoError> {
    // The door says that there is no disk; this says why.
    let nothing: &[u8] = &[];
    let (mut answer, known) =
        look(&nothing, "raw", against).map_err(|error| failed(path, error))?;
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
    Ok((answer, known))
}

fn failed(path: &Path, error: SourceError) -> IoError {
    match error {
        SourceError::Io { error, .. } => IoError::new("read", path, error),
        error @ SourceError::Outside { .. } => IoError::new("read", path, io::Error::other(error)),
    }
}
