//! A signed summary of a verification: SLSA's verification summary attestation
//! (<https://slsa.dev/spec/v1.0/verification_summary>), an in-toto statement in a DSSE envelope.
//!
//! Whoever trusts the verifier's key needs neither the baseline nor karat. The format is shown in
//! `docs/formats/verification-summary.md`.

use serde::Serialize;

use crate::appraise::{Verdict, Verification};
use crate::baseline::{Statement, Subject};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::json;
use crate::key::{Signed, Signer, SignerError};
use crate::responsibility::{LEVEL, POLICY, PREDICATE_TYPE, VERIFIER, resource};
use crate::tree::Epoch;

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// There is nothing that it could be about, or no trust root.
    #[error("there is no {0}, so that a summary could not say what was verified")]
    Nothing(&'static str),
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Summarises `verification` at the instant `now`, signed by `signer`.
///
/// It is about the image's manifest, and about the archive or image as a whole where that was
/// checked and is as signed; where no signature could be trusted, about the Envelope called
/// `envelope`. It says `PASSED` for a match alone.
///
/// # Errors
/// There is neither, or signing failed.
pub fn summarise(
    verification: &Verification,
    envelope: &str,
    now: Epoch,
    signer: &dyn Signer,
) -> Result<Envelope, SummaryError> {
    let input = verification.inputs.envelope;
    let input = input.ok_or(SummaryError::Nothing("envelope"))?;
    let policy = verification.inputs.trust;
    let policy = policy.ok_or(SummaryError::Nothing("trust root"))?;
    let has_passed = verification.verdict() == Verdict::Match;
    let envelope = match &verification.baseline {
        Some(facts) => format!("{}_{}.dsse.json", facts.name, facts.version),
        None => envelope.to_owned(),
    };
    let document = Document {
        statement_type: Statement::TYPE,
        predicate_type: PREDICATE_TYPE,
        subject: subjects(verification, &envelope, input),
        predicate: Predicate {
            verifier: Verifier {
                id: VERIFIER,
                version: Version {
                    karat: env!("CARGO_PKG_VERSION"),
                },
            },
            time: now.rfc3339(),
            resource: match &verification.baseline {
                Some(facts) => resource(&facts.name, &facts.version),
                None => envelope.clone(),
            },
            policy: Resource::new(POLICY, policy),
            inputs: vec![Resource::new(&envelope, input)],
            result: if has_passed { "PASSED" } else { "FAILED" },
            levels: vec![if has_passed { LEVEL } else { "FAILED" }],
        },
    };
    // Text and lists of text always have a JSON form.
    let payload = json::canonical(&document).unwrap_or_default();
    let mut envelope = Envelope::new(Signed::new(Statement::PAYLOAD_TYPE, payload));
    envelope.sign(signer)?;
    Ok(envelope)
}

fn subjects(verification: &Verification, envelope: &str, input: Digest) -> Vec<Named> {
    let Some(facts) = &verification.baseline else {
        return vec![Named::new(envelope, input)];
    };
    let suffix = Subject::Manifest.suffix();
    let name = format!("{}_{}{suffix}", facts.name, facts.version);
    let mut subjects = vec![Named::new(&name, facts.manifest)];
    let artefact = verification.artefact.iter();
    subjects.extend(
        artefact
            .filter(|artefact| artefact.is_as_signed())
            .map(|artefact| Named::new(&artefact.name, artefact.observed)),
    );
    subjects
}

#[derive(Serialize)]
struct Document {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    predicate: Predicate,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    subject: Vec<Named>,
}

#[derive(Serialize)]
struct Predicate {
    #[serde(rename = "inputAttestations")]
    inputs: Vec<Resource>,
    policy: Resource,
    #[serde(rename = "resourceUri")]
    resource: String,
    #[serde(rename = "timeVerified")]
    time: String,
    #[serde(rename = "verificationResult")]
    result: &'static str,
    #[serde(rename = "verifiedLevels")]
    levels: Vec<&'static str>,
    verifier: Verifier,
}

#[derive(Serialize)]
struct Verifier {
    id: &'static str,
    version: Version,
}

#[derive(Serialize)]
struct Version {
    karat: &'static str,
}

#[derive(Serialize)]
struct Sha256 {
    sha256: String,
}

#[derive(Serialize)]
struct Named {
    digest: Sha256,
    name: String,
}

#[derive(Serialize)]
struct Resource {
    digest: Sha256,
    uri: String,
}

impl Named {
    fn new(name: &str, digest: Digest) -> Self {
        Self {
            digest: Sha256::from(digest),
            name: name.to_owned(),
        }
    }
}

impl Resource {
    fn new(uri: &str, digest: Digest) -> Self {
        Self {
            digest: Sha256::from(digest),
            uri: uri.to_owned(),
        }
    }
}

impl From<Digest> for Sha256 {
    fn from(digest: Digest) -> Self {
        Self {
            sha256: digest.to_string(),
        }
    }
}
