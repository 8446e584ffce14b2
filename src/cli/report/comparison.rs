//! What a comparison found, as parts of JSON documents.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::appraise::fact::FactCounts;
use crate::appraise::{
    Change, Counts, Drift, Effect, Explanation, Group, Lines, NotChecked, Owner, Report,
};
use crate::path::{Escaped, ImagePath};

/// Which lines differ of changed files.
type LinesByPath = BTreeMap<ImagePath, Lines>;

/// All that a comparison found.
#[derive(Serialize)]
pub(super) struct ComparisonJson {
    checked: CheckedJson,
    drifts: Vec<DriftJson>,
    drifts_omitted: BTreeMap<&'static str, u64>,
    groups: Vec<GroupJson>,
    exempted: BTreeMap<&'static str, u64>,
    facts: FactsJson,
    not_checked: Vec<NotCheckedJson>,
    paths_not_checked: u64,
    notes: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct CheckedJson {
    paths: u64,
    files: u64,
    bytes: u64,
}

impl From<&Counts> for CheckedJson {
    fn from(counts: &Counts) -> Self {
        Self {
            paths: counts.paths,
            files: counts.files,
            bytes: counts.bytes,
        }
    }
}

#[derive(Serialize)]
struct GroupJson {
    package: String,
    signed: Option<String>,
    observed: Option<String>,
    drifts: Vec<usize>,
    added: usize,
    changed: usize,
    removed: usize,
    severity: &'static str,
    effects: Vec<&'static str>,
}

impl From<&Group> for GroupJson {
    fn from(group: &Group) -> Self {
        Self {
            package: group.package.clone(),
            signed: group.signed.clone(),
            observed: group.observed.clone(),
            drifts: group.drifts.clone(),
            added: group.added,
            changed: group.changed,
            removed: group.removed,
            severity: group.severity.name(),
            effects: group.effects.iter().copied().map(Effect::name).collect(),
        }
    }
}

impl ComparisonJson {
    pub(super) fn of(report: &Report, groups: &[Group], lines: &LinesByPath) -> Self {
        Self {
            checked: CheckedJson::from(&report.checked),
            drifts: DriftJson::with_lines(&report.drifts, lines),
            drifts_omitted: omitted(report),
            groups: groups.iter().map(GroupJson::from).collect(),
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

/// How many drifts of each severity are counted only.
pub(super) fn omitted(report: &Report) -> BTreeMap<&'static str, u64> {
    let mut omitted = BTreeMap::new();
    for (severity, count) in report.omitted.counted() {
        omitted.insert(severity.name(), count);
    }
    omitted
}

#[derive(Serialize)]
pub(super) struct FactsJson {
    held: u64,
    drifted: u64,
    not_checked: u64,
    not_applicable: Vec<NotApplicableJson>,
}

#[derive(Serialize)]
pub(super) struct NotApplicableJson {
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
pub(super) struct DriftJson {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Lines>,
}

impl DriftJson {
    /// Drifts, each with its lines where they are known.
    fn with_lines(drifts: &[Drift], lines: &LinesByPath) -> Vec<Self> {
        let lines = |drift: &Drift| match &drift.change {
            Change::Content { .. } => lines.get(&drift.path).cloned(),
            _ => None,
        };
        drifts
            .iter()
            .map(|drift| Self {
                diff: lines(drift),
                ..Self::from(drift)
            })
            .collect()
    }
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
            diff: None,
        }
    }
}

#[derive(Serialize)]
pub(super) struct NotCheckedJson {
    pub(super) path: String,
    pub(super) reason: &'static str,
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

/// What is known of one path that was asked for.
#[derive(Serialize)]
pub(super) struct ExplanationJson {
    path: String,
    listed: Option<String>,
    observed: bool,
    class: Option<&'static str>,
    pattern: Option<String>,
    drifts: Vec<DriftJson>,
    not_checked: Vec<NotCheckedJson>,
}

impl ExplanationJson {
    pub(super) fn of(explanation: &Explanation, lines: &LinesByPath) -> Self {
        let mutable = explanation.mutable.as_ref();
        Self {
            path: explanation.path.to_string(),
            listed: explanation.listed.clone(),
            observed: explanation.is_observed,
            class: mutable.map(|mutable| mutable.class.name()),
            pattern: mutable.map(|mutable| mutable.path.to_string()),
            drifts: DriftJson::with_lines(&explanation.drifts, lines),
            not_checked: explanation
                .not_checked
                .iter()
                .map(NotCheckedJson::from)
                .collect(),
        }
    }
}
