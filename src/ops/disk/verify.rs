//! `karat verify --disk`, without printing: the container opened, and the disk in it handed to the door.

use std::io;
use std::path::Path;

use super::convert::unpack;
use super::ConvertError;
use crate::appraise::{Finding, Neighbour, Terms, Verdict};
use crate::disk::{self, Answer, Outside, Question};
use crate::image::disk::{Container, DiskError};
use crate::image::uki;
use crate::layout::{Source, SourceError};
use crate::path::ImagePath;
use crate::progress::{Progress, Unit};
use crate::sys::fs::{FileSource, IoError, Scratch};

/// What a disk is verified against.
pub struct Against<'a> {
    /// The trust root.
    pub trust: Neighbour,
    /// An Envelope beside the disk; `None`: those on it.
    pub outside: Option<Outside>,
    /// What is demanded beyond signatures.
    pub terms: Terms,
    /// The path to tell all about.
    pub explain: Option<ImagePath>,
    /// How many threads to read with.
    pub threads: std::num::NonZero<usize>,
    /// Who is told how far it is.
    pub progress: &'a dyn Progress,
}

/// Verifies the disk in the file or block device at `path`.
///
/// # Errors
/// This machine cannot read it, or has no room to unpack it. Whatever is wrong with the disk or its container is
/// in the answer.
pub fn verify(path: &Path, against: &Against<'_>) -> Result<Answer, IoError> {
    let file = FileSource::open(path)?;
    let container = match Container::detect(&file) {
        Ok(container) => container,
        Err(error) => return broken(path, &file, "unknown", error, against),
    };
    if container == Container::Gcp {
        let room = Scratch::new("disk")?;
        let near = room.path().join("disk.raw");
        return match unpack(&file, path, &near, against.progress) {
            Ok((_held, disk)) => look(path, &disk, container.name(), against),
            Err(ConvertError::Io(error)) => Err(error),
            Err(ConvertError::Disk { source, .. }) => {
                broken(path, &file, container.name(), source, against)
            }
        };
    }
    match container.open(&file) {
        Ok(opened) => look(path, opened.disk(), container.name(), against),
        Err(error) => broken(path, &file, container.name(), error, against),
    }
}

fn look(
    path: &Path,
    source: &dyn Source,
    container: &'static str,
    against: &Against<'_>,
) -> Result<Answer, IoError> {
    let progress = against.progress;
    let steps = std::sync::Mutex::new(Vec::new());
    let told = |step: &'static str, total: u64, done: u64| {
        let mut steps = steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !steps.contains(&step) {
            steps.push(step);
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
        explain: against.explain.clone(),
        threads: against.threads,
        inside: Some(&uki::inside),
        told: &told,
    };
    disk::verify(&question).map_err(|error| failed(path, error))
}

/// A container that breaks a rule of its format is not what was published, and nothing in it can be
/// compared.
fn broken(
    path: &Path,
    file: &FileSource,
    container: &'static str,
    error: DiskError,
    against: &Against<'_>,
) -> Result<Answer, IoError> {
    let error = match error {
        DiskError::Source(SourceError::Io { error, .. }) | DiskError::Io(error)
            if error.raw_os_error().is_some() =>
        {
            return Err(IoError::new("read", path, error));
        }
        error => error,
    };
    // The door says that there is no disk; this says why.
    let nothing: &[u8] = &[];
    let mut answer = look(path, &nothing, container, against)?;
    let size = file.size();
    let message = format!("a file of {size} bytes, {container}, has no disk that can be read: {error}");
    answer.findings = vec![
        Finding {
            verdict: Verdict::Drift,
            message,
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

impl std::fmt::Debug for Against<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Against")
            .field("outside", &self.outside)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}
