//! `karat-agent verify --disk`: a raw disk or a block device, verified as it lies.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::agent::Options;
use super::instance::{Fault, OWN_TRUST};
use crate::appraise::{Assurance, Circumstances, Target, Terms, Verification};
use crate::disk::{self, Outside, Question};
use crate::layout::SourceError;
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs::{FileSource, IoError};
use crate::sys::material::{self, ENVELOPE_SUFFIX};
use crate::sys::{clock, cpu};

/// Verifies the disk at `path`: all that it is judged by lies on it, but for the trust root.
pub(super) fn verify(options: &Options, path: &Path) -> Result<Verification, Fault> {
    if options.root.is_some()
        || options.state.is_some()
        || options.max_bytes.is_some()
        || options.max_time.is_some()
    {
        return Err(Fault::Usage(
            "--disk goes with neither of --root, --state, --max-bytes and --max-time".to_owned(),
        ));
    }
    let trust = options.trust.clone();
    let trust = trust.unwrap_or_else(|| PathBuf::from(OWN_TRUST));
    let outside = match &options.baseline {
        Some(baseline) => {
            let stem = material::without_suffix(baseline, ENVELOPE_SUFFIX).ok_or_else(|| {
                Fault::Usage(format!("--baseline: its name ends with {ENVELOPE_SUFFIX}"))
            })?;
            let beside = material::read(&stem, &trust)?;
            let directory = baseline.parent().unwrap_or_else(|| Path::new(""));
            Some(Outside {
                envelope: beside.envelope,
                receipt: beside.receipt,
                manifest: beside.manifest,
                expectations: beside.expectations,
                newer_roots: material::newer_roots(directory)?,
            })
        }
        None => None,
    };
    let terms = Terms {
        image: options.image.clone(),
        expiry: options.expiry.unwrap_or_default(),
        now: clock::now(),
    };
    let circumstances = Circumstances {
        assurance: Assurance::Archive,
        clock: terms.now,
        expiry: terms.expiry,
        boot: None,
        booted: None,
        remembered: None,
    };
    let source = FileSource::open(path)?;
    let question = Question {
        disk: &source,
        container: "raw",
        trust: material::neighbour(&trust, limits::TRUST_ROOT_MAX)?,
        outside,
        terms,
        explain: options.explain.clone(),
        threads: cpu::count(),
        // An initrd is compressed in ways that this program does not read; the signed digest covers it.
        inside: None,
        // Nor has it the bytes that were signed.
        further: None,
        told: &|_, _, _| {},
    };
    let answer = disk::verify(&question).map_err(|error| {
        IoError::new(
            "read",
            path,
            match error {
                SourceError::Io { error, .. } => error,
                error @ SourceError::Outside { .. } => std::io::Error::other(error),
            },
        )
    })?;
    Ok(Verification {
        target: Target {
            kind: "disk",
            path: Escaped(path.as_os_str().as_bytes()).to_string(),
        },
        circumstances,
        baseline: answer.baseline,
        findings: answer.findings,
        artefact: answer.artefact,
        report: answer.report,
        disk: answer.disk,
        explanation: answer.explanation,
        inputs: answer.inputs,
        nonce: options.nonce.clone(),
        groups: answer.groups,
        lines: BTreeMap::new(),
    })
}
