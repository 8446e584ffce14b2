//! Signed summaries of verifications: `karat verify --summary`.

use std::path::PathBuf;

use super::image::Read;
use super::run::{ResponsibilityError, shown};
use crate::digest::Digest;
use crate::key::TrustRoot;
use crate::limits;
use crate::responsibility::{Attestation, Finding, Named, Said, VerifiedSummary, Weight};
use crate::sys::fs;

/// Opens each file under the trust root `root`, whose own file has the digest `policy`, and gives it to
/// the image whose very envelope it judged. What is refused is a finding that says why.
///
/// # Errors
/// One of the files cannot be read, or there are too many.
pub(super) fn attach(
    paths: &[PathBuf],
    (root, policy): (&TrustRoot, Digest),
    images: &mut [Read],
    findings: &mut Vec<Finding>,
) -> Result<(), ResponsibilityError> {
    if paths.len() > limits::RESPONSIBILITY_VERDICTS_MAX {
        return Err(ResponsibilityError::TooManyVerdicts);
    }
    for path in paths {
        let bytes = fs::read(path, limits::ENVELOPE_MAX)?;
        let file = Named {
            name: shown(path),
            sha256: Digest::of(&bytes),
        };
        if let Err((weight, text)) = one(file.clone(), &bytes, (root, policy), images) {
            findings.push(Finding {
                weight,
                subject: file.name,
                text,
            });
        }
    }
    Ok(())
}

fn one(
    file: Named,
    bytes: &[u8],
    (root, policy): (&TrustRoot, Digest),
    images: &mut [Read],
) -> Result<(), (Weight, String)> {
    let summary = VerifiedSummary::open(root, bytes);
    let summary = summary.map_err(|error| (Weight::Untrusted, error.to_string()))?;
    if summary.policy() != policy {
        let text = format!(
            "it was judged by another trust root, sha256 {}: verify again by this one",
            summary.policy()
        );
        return Err((Weight::Incomplete, text));
    }
    let attestation = Attestation {
        file,
        verdict: if summary.has_passed() {
            "match"
        } else {
            "failed"
        }
        .to_owned(),
        assurance: None,
        at: summary.at(),
        signed_by: summary
            .quorum()
            .keys()
            .map(|key| key.id().to_string())
            .collect(),
    };
    let judged = |read: &&mut Read| read.envelope == Some(summary.envelope());
    let mut is_about_one = false;
    for read in images.iter_mut().filter(judged) {
        is_about_one = true;
        // Of an image that is not trusted nothing is weighed.
        let Some(said) = &mut read.image.said else {
            continue;
        };
        if summary.has_passed() && !names(&summary, said) {
            let text = "it names another image than the envelope that it judged".to_owned();
            return Err((Weight::Untrusted, text));
        }
        said.attestations.push(attestation.clone());
    }
    if is_about_one {
        return Ok(());
    }
    let text = format!(
        "it is about none of the images: it judged the envelope with sha256 {}",
        summary.envelope()
    );
    Err((Weight::Incomplete, text))
}

fn names(summary: &VerifiedSummary, said: &Said) -> bool {
    said.manifest
        .is_some_and(|manifest| summary.names(&said.name, &said.version, manifest))
}
