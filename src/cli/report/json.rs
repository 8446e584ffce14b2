//! The report as JSON: `docs/schemas/verify-report.schema.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::appraise::fact::FactCounts;
use crate::appraise::{
    Artefact, Change, Drift, Effect, Explanation, Facts, Finding, NotChecked, Owner, Report,
    Verdict, Verification,
};
use crate::cli::Exit;
use crate::path::Escaped;

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
        target: TargetJson {
            kind: verification.target.kind,
            path: verification.target.path.clone(),
        },
        baseline: verification.baseline.as_ref().map(BaselineJson::from),
        findings: verification
            .findings
            .iter()
            .map(FindingJson::from)
            .collect(),
        artefact: verification.artefact.as_ref().map(ArtefactJson::from),
        comparison: verification.report.as_ref().map(ComparisonJson::from),
        explanation: verification.explanation.as_ref().map(ExplanationJson::from),
    }
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    verdict: &'static str,
    verdicts: Vec<&'static str>,
    exit_code: u8,
    target: TargetJson,
    baseline: Option<BaselineJson>,
    findings: Vec<FindingJson>,
    artefact: Option<ArtefactJson>,
    comparison: Option<ComparisonJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationJson>,
}

#[derive(Serialize)]
struct TargetJson {
    kind: &'static str,
    path: String,
}

#[derive(Serialize)]
struct BaselineJson {
    name: String,
    version: String,
    serial: u64,
    epoch: u64,
    signed_by: Vec<String>,
    threshold: usize,
    trust_root_version: u64,
    manifest_sha256: String,
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
struct ArtefactJson {
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

#[derive(Serialize)]
struct ComparisonJson {
    checked: CheckedJson,
    drifts: Vec<DriftJson>,
    exempted: BTreeMap<&'static str, u64>,
    facts: FactsJson,
    not_checked: Vec<NotCheckedJson>,
    paths_not_checked: u64,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct CheckedJson {
    paths: u64,
    files: u64,
    bytes: u64,
}

impl From<&Report> for ComparisonJson {
    fn from(report: &Report) -> Self {
        Self {
            checked: CheckedJson {
                paths: report.checked.paths,
                files: report.checked.files,
                bytes: report.checked.bytes,
            },
            drifts: report.drifts.iter().map(DriftJson::from).collect(),
            exempted: report
                .exempted
                .iter()
                .map(|(class, count)| (class.name(), *count))
                .collect(),
            facts: FactsJson::from(&report.facts),
            not_checked: report
                .not_checked
                .iter()
                .map(NotCheckedJson::from)
                .collect(),
            paths_not_checked: report.paths_not_checked,
            notes: report.notes.clone(),
        }
    }
}

#[derive(Serialize)]
struct FactsJson {
    held: u64,
    drifted: u64,
    not_checked: u64,
    not_applicable: Vec<NotApplicableJson>,
}

#[derive(Serialize)]
struct NotApplicableJson {
    reason: String,
    facts: Vec<String>,
}

impl From<&FactCounts> for FactsJson {
    fn from(counts: &FactCounts) -> Self {
        let list = counts.not_applicable.iter();
        Self {
            held: counts.held,
            drifted: counts.drifted,
            not_checked: counts.not_checked,
            not_applicable: list
                .map(|(reason, facts)| NotApplicableJson {
                    reason: reason.clone(),
                    facts: facts.clone(),
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct DriftJson {
    path: String,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<String>,
    expected: Option<String>,
    observed: Option<String>,
    severity: &'static str,
    origin: String,
    /// Whether the path is listed; if not, the origin is that of the nearest listed directory.
    listed: bool,
    effects: Vec<&'static str>,
}

impl From<&Drift> for DriftJson {
    fn from(drift: &Drift) -> Self {
        let (expected, observed) = drift.change.values();
        Self {
            path: drift.path.to_string(),
            change: drift.change.name(),
            attribute: match &drift.change {
                Change::Fact { name, .. } => Some(name.clone()),
                Change::Xattr { name, .. } => Some(Escaped(name).to_string()),
                _ => None,
            },
            expected,
            observed,
            severity: drift.severity.name(),
            origin: drift.owner.origin().to_string(),
            listed: matches!(drift.owner, Owner::Listed(_)),
            effects: drift.effects.iter().copied().map(Effect::name).collect(),
        }
    }
}

#[derive(Serialize)]
struct NotCheckedJson {
    path: String,
    reason: &'static str,
    message: String,
}

impl From<&NotChecked> for NotCheckedJson {
    fn from(item: &NotChecked) -> Self {
        Self {
            path: item.path.to_string(),
            reason: item.reason.name(),
            message: item.reason.to_string(),
        }
    }
}

#[derive(Serialize)]
struct ExplanationJson {
    path: String,
    listed: Option<String>,
    observed: bool,
    class: Option<&'static str>,
    pattern: Option<String>,
    drifts: Vec<DriftJson>,
    not_checked: Vec<NotCheckedJson>,
}

impl From<&Explanation> for ExplanationJson {
    fn from(explanation: &Explanation) -> Self {
        let mutable = explanation.mutable.as_ref();
        Self {
            path: explanation.path.to_string(),
            listed: explanation.listed.clone(),
            observed: explanation.is_observed,
            class: mutable.map(|mutable| mutable.class.name()),
            pattern: mutable.map(|mutable| mutable.path.to_string()),
            drifts: explanation.drifts.iter().map(DriftJson::from).collect(),
            not_checked: explanation
                .not_checked
                .iter()
                .map(NotCheckedJson::from)
                .collect(),
        }
    }
}
