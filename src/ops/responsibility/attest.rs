//! Reports of verifications: `karat verify --json`, `karat-agent verify --json`.
//!
//! A report is not signed. It is bound to an image by what it says that it compared with: name,
//! version, serial and manifest, or the very envelope.

use std::path::PathBuf;

use serde::Deserialize;

use super::image::Read;
use super::run::{ResponsibilityError, shown};
use crate::digest::Digest;
use crate::json;
use crate::limits;
use crate::path::Escaped;
use crate::responsibility::{Attestation, Finding, Named, Said, Weight};
use crate::sys::fs;
use crate::tree::Epoch;

/// Reports that were read.
pub(super) struct Attestations(Vec<(Raw, Attestation)>);

/// As much of `docs/schemas/verify-report.schema.json` as is needed.
#[derive(Debug, Deserialize)]
struct Raw {
    verdict: String,
    assurance: String,
    clock: RawClock,
    inputs: RawInputs,
    baseline: Option<RawBaseline>,
}

#[derive(Debug, Deserialize)]
struct RawClock {
    seconds: u64,
}

#[derive(Debug, Deserialize)]
struct RawInputs {
    envelope_sha256: Option<Digest>,
}

#[derive(Debug, Deserialize)]
struct RawBaseline {
    name: String,
    version: String,
    serial: u64,
    manifest_sha256: Digest,
}

impl Attestations {
    /// Reads files.
    ///
    /// # Errors
    /// One of them cannot be read, or is no such report.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, ResponsibilityError> {
        if paths.len() > limits::RESPONSIBILITY_VERDICTS_MAX {
            return Err(ResponsibilityError::TooManyVerdicts);
        }
        let mut all = Vec::new();
        for path in paths {
            let bytes = fs::read(path, limits::REPORT_MAX)?;
            let raw: Raw = json::read(&bytes, limits::REPORT_MAX).map_err(|source| {
                let path = shown(path);
                ResponsibilityError::Verdict { path, source }
            })?;
            let word = |text: &str| Escaped(text.as_bytes()).to_string();
            let attestation = Attestation {
                file: Named {
                    name: shown(path),
                    sha256: Digest::of(&bytes),
                },
                verdict: word(&raw.verdict),
                assurance: Some(word(&raw.assurance)),
                at: Epoch::saturating(raw.clock.seconds),
                signed_by: Vec::new(),
            };
            all.push((raw, attestation));
        }
        Ok(Self(all))
    }

    /// Gives each report to the images that it is about.
    pub(super) fn attach(self, images: &mut [Read], findings: &mut Vec<Finding>) {
        for (raw, attestation) in self.0 {
            let mut found = false;
            for read in images.iter_mut() {
                let envelope = read.envelope;
                let Some(said) = &mut read.image.said else {
                    continue;
                };
                if raw.is_about(said, envelope) {
                    said.attestations.push(attestation.clone());
                    found = true;
                }
            }
            if !found {
                findings.push(Finding {
                    weight: Weight::Incomplete,
                    subject: attestation.file.name,
                    text: "this report is about none of the images".to_owned(),
                });
            }
        }
    }
}

impl Raw {
    fn is_about(&self, said: &Said, envelope: Option<Digest>) -> bool {
        match &self.baseline {
            Some(baseline) => {
                baseline.name == said.name
                    && baseline.version == said.version
                    && Some(baseline.serial) == said.serial
                    && Some(baseline.manifest_sha256) == said.manifest
            }
            // Where nothing could be trusted, the envelope's own bytes tell which one it was.
            None => envelope.is_some() && self.inputs.envelope_sha256 == envelope,
        }
    }
}
