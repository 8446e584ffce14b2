//! The report that a digest stands for: one spelling, nothing of this machine but the target.

use serde::Serialize;

use super::comparison::{CheckedJson, DriftJson, FactsJson, NotCheckedJson, omitted};
use super::json::{ArtefactJson, BaselineJson, InputsJson, TargetJson};
use crate::appraise::{Report, Verdict, Verification};
use crate::cli::Exit;
use crate::digest::Digest;
use crate::json;

/// One line of canonical JSON, and its line feed: `docs/schemas/verify-canonical.schema.json`.
pub fn bytes(verification: &Verification) -> Vec<u8> {
    let findings = verification.findings.iter();
    let mut findings: Vec<&str> = findings
        .filter(|finding| finding.verdict != Verdict::Match)
        .map(|finding| finding.verdict.name())
        .collect();
    crate::order::sort(&mut findings);
    findings.dedup();
    let document = Document {
        schema: "verify-canonical/1",
        verdict: verification.verdict().name(),
        verdicts: verification
            .verdicts()
            .into_iter()
            .map(Verdict::name)
            .collect(),
        exit_code: Exit::from(verification.verdict()).code(),
        target: TargetJson::from(&verification.target),
        nonce: verification.nonce.as_ref().map(ToString::to_string),
        inputs: InputsJson::from(&verification.inputs),
        baseline: verification.baseline.as_ref().map(BaselineJson::from),
        findings,
        artefact: verification.artefact.as_ref().map(ArtefactJson::from),
        comparison: verification.report.as_ref().map(Comparison::from),
    };
    // Documents hold text and numbers alone, so that there is none that cannot be written.
    let mut bytes = json::canonical(&document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// SHA-256 of [`bytes`]: what a quote or a signature over the report is over.
pub fn digest(verification: &Verification) -> Digest {
    Digest::of(&bytes(verification))
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    verdict: &'static str,
    verdicts: Vec<&'static str>,
    exit_code: u8,
    target: TargetJson,
    nonce: Option<String>,
    inputs: InputsJson,
    baseline: Option<BaselineJson>,
    /// Verdicts of findings, without their words: those name files of this machine.
    findings: Vec<&'static str>,
    artefact: Option<ArtefactJson>,
    comparison: Option<Comparison>,
}

/// The comparison without notes about how it was made.
#[derive(Serialize)]
struct Comparison {
    checked: CheckedJson,
    drifts: Vec<DriftJson>,
    drifts_omitted: std::collections::BTreeMap<&'static str, u64>,
    exempted: std::collections::BTreeMap<&'static str, u64>,
    facts: FactsJson,
    not_checked: Vec<Place>,
    paths_not_checked: u64,
}

#[derive(Serialize)]
struct Place {
    path: String,
    reason: &'static str,
}

impl From<&Report> for Comparison {
    fn from(report: &Report) -> Self {
        let place = |item| {
            let NotCheckedJson { path, reason, .. } = NotCheckedJson::from(item);
            Place { path, reason }
        };
        Self {
            checked: CheckedJson::from(&report.checked),
            drifts: report.drifts.iter().map(DriftJson::from).collect(),
            drifts_omitted: omitted(report),
            exempted: report
                .exempted
                .iter()
                .map(|(class, count)| (class.name(), *count))
                .collect(),
            facts: FactsJson::from(&report.facts),
            not_checked: report.not_checked.iter().map(place).collect(),
            paths_not_checked: report.paths_not_checked,
        }
    }
}
