//! Signed summaries of verifications (`docs/formats/verification-summary.md`): the one door from a file
//! to what a verifier says.

use serde::Deserialize;

use crate::baseline::Statement;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::json::{self, JsonError};
use crate::key::{Position, Quorum, Role, Signed, ThresholdError, TrustRoot};
use crate::limits;
use crate::path::Escaped;
use crate::tree::Epoch;

/// The kind of statement.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";
/// Who verified, as a kind of verifier: the key says which one. The host name is reserved.
pub const VERIFIER: &str = "https://karat.example/verifier/v1";
/// What was asked for: what the trust root demands.
pub const POLICY: &str = "https://karat.example/trust-root/v1";
/// What is verified, in the alphabet that SLSA leaves to others.
pub const LEVEL: &str = "KARAT_MATCH";

/// What a verification came to, by the word of a threshold of the keys of the role `fleet`. Only
/// [`VerifiedSummary::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSummary {
    summary: Summary,
    quorum: Quorum,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Summary {
    at: Epoch,
    has_passed: bool,
    envelope: Digest,
    policy: Digest,
    resource: String,
    subjects: Vec<Digest>,
}

/// Why a summary is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// The file is no DSSE envelope; says why.
    #[error("it is no signed summary: {0}")]
    Envelope(String),
    /// The payload is of another kind.
    #[error("it is signed, and no summary of a verification: its type is \"{}\"", Escaped(.0.as_bytes()))]
    Type(String),
    /// The payload is not JSON of the shape that a summary has.
    #[error("summary: {0}")]
    Json(#[from] JsonError),
    /// A member says something that no summary of karat's says.
    #[error("summary: {0} is not what karat writes")]
    Member(&'static str),
    /// Not the one spelling.
    #[error("summary: it is not spelt as karat writes it: compact JSON with sorted keys")]
    NotCanonical,
    /// Too few keys of the role `fleet` signed.
    #[error("summary, signed by the keys of the role fleet: {0}")]
    Threshold(ThresholdError),
}

impl VerifiedSummary {
    /// Opens a file under `root`: a threshold of those keys of the role `fleet` must have signed it that
    /// count today. Signatures are checked before a byte of the payload is read.
    ///
    /// How old it may be, and which image it is about, is left to the caller.
    ///
    /// # Errors
    /// The rule broken.
    pub fn open(root: &TrustRoot, file: &[u8]) -> Result<Self, SummaryError> {
        let envelope =
            Envelope::parse(file).map_err(|error| SummaryError::Envelope(error.to_string()))?;
        let signed = envelope.signed();
        if signed.payload_type != Statement::PAYLOAD_TYPE {
            return Err(SummaryError::Type(signed.payload_type.clone()));
        }
        let quorum = root
            .quorum(Role::Fleet, Position::Unlogged, signed)
            .map_err(SummaryError::Threshold)?;
        let summary = read(signed)?;
        Ok(Self { summary, quorum })
    }

    /// When it was verified, by the verifier's clock.
    pub fn at(&self) -> Epoch {
        self.summary.at
    }

    /// `match` alone has passed.
    pub fn has_passed(&self) -> bool {
        self.summary.has_passed
    }

    /// SHA-256 of the file of the envelope that was judged.
    pub fn envelope(&self) -> Digest {
        self.summary.envelope
    }

    /// SHA-256 of the file of the trust root that was judged by.
    pub fn policy(&self) -> Digest {
        self.summary.policy
    }

    /// Whether it says that it is about the image `name` of `version` with this manifest.
    pub fn names(&self, name: &str, version: &str, manifest: Digest) -> bool {
        self.summary.resource == resource(name, version)
            && self.summary.subjects.contains(&manifest)
    }

    /// Who signed.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }
}

/// The package URL of an image. The letters of names and versions need no escape in it, but for one.
pub fn resource(name: &str, version: &str) -> String {
    format!("pkg:generic/{name}@{}", version.replace('^', "%5E"))
}

/// Reads a payload, whoever signed it.
fn read(signed: &Signed) -> Result<Summary, SummaryError> {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(rename = "predicateType")]
        kind: String,
    }
    let probe: Probe = json::read(&signed.payload, limits::ENVELOPE_MAX)?;
    if probe.kind != PREDICATE_TYPE {
        return Err(SummaryError::Type(probe.kind));
    }
    let raw: Raw = json::read(&signed.payload, limits::ENVELOPE_MAX)?;
    let value: serde_json::Value = json::read(&signed.payload, limits::ENVELOPE_MAX)?;
    if json::canonical(&value)? != signed.payload {
        return Err(SummaryError::NotCanonical);
    }
    raw.check().map_err(SummaryError::Member)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "_type")]
    statement_type: String,
    predicate: RawPredicate,
    #[serde(rename = "predicateType")]
    _predicate_type: String,
    subject: Vec<RawNamed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPredicate {
    #[serde(rename = "inputAttestations")]
    inputs: [RawResource; 1],
    policy: RawResource,
    #[serde(rename = "resourceUri")]
    resource: String,
    #[serde(rename = "timeVerified")]
    time: String,
    #[serde(rename = "verificationResult")]
    result: String,
    #[serde(rename = "verifiedLevels")]
    levels: [String; 1],
    verifier: RawVerifier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVerifier {
    id: String,
    #[serde(rename = "version")]
    _version: RawVersion,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVersion {
    #[serde(rename = "karat")]
    _karat: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNamed {
    digest: RawDigest,
    #[serde(rename = "name")]
    _name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResource {
    digest: RawDigest,
    uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDigest {
    sha256: Digest,
}

impl Raw {
    fn check(self) -> Result<Summary, &'static str> {
        let predicate = self.predicate;
        let [input] = predicate.inputs;
        let [level] = predicate.levels;
        if self.statement_type != Statement::TYPE {
            return Err("_type");
        }
        if predicate.verifier.id != VERIFIER {
            return Err("verifier.id");
        }
        if predicate.policy.uri != POLICY {
            return Err("policy.uri");
        }
        let has_passed = match (predicate.result.as_str(), level.as_str()) {
            ("PASSED", LEVEL) => true,
            ("FAILED", "FAILED") => false,
            _ => return Err("verificationResult"),
        };
        let at = instant(&predicate.time).ok_or("timeVerified")?;
        if self.subject.is_empty() {
            return Err("subject");
        }
        Ok(Summary {
            at,
            has_passed,
            envelope: input.digest.sha256,
            policy: predicate.policy.digest.sha256,
            resource: predicate.resource,
            subjects: self.subject.iter().map(|it| it.digest.sha256).collect(),
        })
    }
}

/// An instant in the one spelling that [`Epoch::rfc3339`] has.
fn instant(text: &str) -> Option<Epoch> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    let epoch = Epoch::new(u64::try_from(instant.as_second()).ok()?).ok()?;
    (epoch.rfc3339() == text).then_some(epoch)
}
