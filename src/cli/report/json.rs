//! The report as JSON: `docs/schemas/verify-report.schema.json`.

use serde::Serialize;

use super::canonical;
use super::comparison::{ComparisonJson, ExplanationJson};
use super::disk::DiskJson;
use crate::appraise::{
    Artefact, Booted, Facts, Finding, Inputs, LogFacts, Remembered, Target, Verdict, Verification,
};
use crate::cli::Exit;
use crate::instance::LogSeen;

/// The report as a JSON document.
pub fn document(verification: &Verification) -> impl Serialize {
    Document {
        schema: "verify-report/1",
        verdict: verification.verdict().name(),
        verdicts: verification
            .verdicts()
            .into_iter()
            .map(Verdict::name)
            .collect(),
        exit_code: Exit::from(verification.verdict()).code(),
        target: TargetJson::from(&verification.target),
        nonce: verification.nonce.as_ref().map(ToString::to_string),
        canonical_sha256: canonical::digest(verification).to_string(),
        inputs: InputsJson::from(&verification.inputs),
        assurance: verification.circumstances.assurance.name(),
        clock: ClockJson {
            seconds: verification.circumstances.clock,
            expiry: verification.circumstances.expiry.name(),
        },
        boot_id: verification
            .circumstances
            .boot
            .as_ref()
            .map(|boot| boot.as_str().to_owned()),
        booted: verification
            .circumstances
            .booted
            .as_ref()
            .map(BootedJson::from),
        rollback: verification
            .circumstances
            .remembered
            .as_ref()
            .map(RollbackJson::from),
        baseline: verification.baseline.as_ref().map(BaselineJson::from),
        findings: verification
            .findings
            .iter()
            .map(FindingJson::from)
            .collect(),
        artefact: verification.artefact.as_ref().map(ArtefactJson::from),
        disk: verification.disk.as_ref().map(DiskJson::from),
        comparison: verification
            .report
            .as_ref()
            .map(|report| ComparisonJson::of(report, &verification.groups, &verification.lines)),
        explanation: verification
            .explanation
            .as_ref()
            .map(|explanation| ExplanationJson::of(explanation, &verification.lines)),
    }
}

/// The same, as text: what `--json` prints.
pub fn json_text(verification: &Verification) -> String {
    // Documents hold text alone, so that there is none that cannot be written.
    serde_json::to_string_pretty(&document(verification))
        .map(|text| text + "\n")
        .unwrap_or_default()
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    verdict: &'static str,
    verdicts: Vec<&'static str>,
    exit_code: u8,
    target: TargetJson,
    nonce: Option<String>,
    canonical_sha256: String,
    inputs: InputsJson,
    assurance: &'static str,
    clock: ClockJson,
    boot_id: Option<String>,
    /// Not there where no initrd of karat's left word.
    #[serde(skip_serializing_if = "Option::is_none")]
    booted: Option<BootedJson>,
    rollback: Option<RollbackJson>,
    baseline: Option<BaselineJson>,
    findings: Vec<FindingJson>,
    artefact: Option<ArtefactJson>,
    /// Not there where no disk was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<DiskJson>,
    comparison: Option<ComparisonJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationJson>,
}

#[derive(Serialize)]
pub(super) struct TargetJson {
    kind: &'static str,
    path: String,
}

impl From<&Target> for TargetJson {
    fn from(target: &Target) -> Self {
        Self {
            kind: target.kind,
            path: target.path.clone(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct InputsJson {
    trust_root_sha256: Option<String>,
    envelope_sha256: Option<String>,
}

impl From<&Inputs> for InputsJson {
    fn from(inputs: &Inputs) -> Self {
        Self {
            trust_root_sha256: inputs.trust.map(|digest| digest.to_string()),
            envelope_sha256: inputs.envelope.map(|digest| digest.to_string()),
        }
    }
}

#[derive(Serialize)]
struct ClockJson {
    seconds: u64,
    expiry: &'static str,
}

#[derive(Serialize)]
struct BootedJson {
    root_hash: String,
    secure_boot: Option<bool>,
    tpm: bool,
}

impl From<&Booted> for BootedJson {
    fn from(booted: &Booted) -> Self {
        Self {
            root_hash: booted.root_hash.to_string(),
            secure_boot: booted.secure_boot,
            tpm: booted.tpm,
        }
    }
}

#[derive(Serialize)]
struct RollbackJson {
    protection: &'static str,
    serial_floor: Option<u64>,
    trust_root_floor: Option<u64>,
}

impl From<&Remembered> for RollbackJson {
    fn from(remembered: &Remembered) -> Self {
        Self {
            protection: remembered.protection.name(),
            serial_floor: remembered.serial,
            trust_root_floor: remembered.trust_root,
        }
    }
}

#[derive(Serialize)]
pub(super) struct BaselineJson {
    name: String,
    version: String,
    serial: u64,
    epoch: u64,
    signed_by: Vec<String>,
    threshold: usize,
    trust_root_version: u64,
    manifest_sha256: String,
    /// Where the log has it; not there where no receipt was judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogJson>,
    /// The tree that vouches for it: what a blessed boot remembers.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_head: Option<String>,
}

#[derive(Serialize)]
struct LogJson {
    origin: String,
    index: u64,
    tree_size: u64,
    cosigned_by: Vec<String>,
}

impl From<&LogFacts> for LogJson {
    fn from(log: &LogFacts) -> Self {
        Self {
            origin: log.origin.clone(),
            index: log.index,
            tree_size: log.size,
            cosigned_by: log.cosigned_by.clone(),
        }
    }
}

impl From<&Facts> for BaselineJson {
    fn from(facts: &Facts) -> Self {
        Self {
            name: facts.name.clone(),
            version: facts.version.clone(),
            serial: facts.serial,
            epoch: facts.epoch.seconds(),
            signed_by: facts.signed_by.clone(),
            threshold: facts.threshold,
            trust_root_version: facts.trust_root,
            manifest_sha256: facts.manifest.to_string(),
            log: facts.log.as_ref().map(LogJson::from),
            log_head: facts.log.as_ref().map(|log| LogSeen::of(log).to_text()),
        }
    }
}

#[derive(Serialize)]
struct FindingJson {
    verdict: &'static str,
    message: String,
    hint: Option<String>,
}

impl From<&Finding> for FindingJson {
    fn from(finding: &Finding) -> Self {
        Self {
            verdict: match finding.verdict {
                Verdict::Match => "warning",
                verdict => verdict.name(),
            },
            message: finding.message.clone(),
            hint: finding.hint.clone(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ArtefactJson {
    name: String,
    expected_sha256: String,
    observed_sha256: String,
    as_signed: bool,
}

impl From<&Artefact> for ArtefactJson {
    fn from(artefact: &Artefact) -> Self {
        Self {
            name: artefact.name.clone(),
            expected_sha256: artefact.expected.to_string(),
            observed_sha256: artefact.observed.to_string(),
            as_signed: artefact.is_as_signed(),
        }
    }
}
