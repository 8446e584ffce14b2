//! The values in force on the running system, judged rule by rule.

use std::collections::BTreeMap;
use std::path::Path;

use super::CheckError;
use crate::appraise::fact::{FactCounts, Scene, judge};
use crate::appraise::{Change, Counts, Reason, Report, Tally};
use crate::expect::{Expectations, Facts};
use crate::harden::{Outcome, ResultOf, Results, Root, Selection, facts_of, united};
use crate::manifest::Manifest;
use crate::path::Escaped;
use crate::sys::facts::scene;
use crate::tree::{Epoch, Tree};

/// Adds to `results` what is in force, where `path` is the root of the running system; gives how
/// many values were looked at, and `None` where it is not.
///
/// # Errors
/// The root cannot be examined.
pub(super) fn add(
    path: &Path,
    root: &Root<'_>,
    selection: &Selection,
    results: &mut Results,
) -> Result<Option<u64>, CheckError> {
    let mut of_rules: BTreeMap<String, Facts> = BTreeMap::new();
    let mut all = Facts::default();
    for rule in selection.rules() {
        let applies = results.get(rule.id.as_str()).is_some_and(|result| {
            matches!(
                result.outcome,
                Outcome::Pass | Outcome::Fail | Outcome::Unknown
            )
        });
        if !applies {
            continue;
        }
        // What cannot be looked at has made the rule unknown already.
        if let Ok(mut facts) = facts_of(rule, root)
            && !facts.is_empty()
        {
            // It is observed by a program of the image, whose manifest nobody has here.
            facts.firewall = None;
            all = united(all, facts.clone());
            of_rules.insert(rule.id.to_string(), facts);
        }
    }
    let manifest = Manifest::of(&Tree::new(Epoch::saturating(0)).seal()?);
    let scene = scene(path, &all, &manifest)?;
    if scene == Scene::Snapshot {
        return Ok(None);
    }
    let mut looked = 0_u64;
    for result in &mut results.results {
        let Some(facts) = of_rules.remove(result.id.as_str()) else {
            continue;
        };
        let expectations = Expectations::new(Vec::new())?.with_facts(facts.sorted()?)?;
        let report = judge(nothing_yet(), &expectations, &manifest, &scene);
        let counts = &report.facts;
        let seen = counts.held.saturating_add(counts.drifted);
        looked = looked.saturating_add(seen);
        join(result, &report);
    }
    Ok(Some(looked))
}

/// What is in force joins what the files say.
fn join(result: &mut ResultOf, report: &Report) {
    let mut fails = Vec::new();
    for drift in &report.drifts {
        if let Change::Fact {
            name,
            expected,
            observed,
        } = &drift.change
        {
            let or_nothing =
                |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            let path = Escaped(drift.path.as_bytes());
            let (expected, observed) = (or_nothing(expected), or_nothing(observed));
            fails.push(format!(
                "in force: {name} ({path}) is {observed}; wanted: {expected}"
            ));
        }
    }
    let unseen = report.not_checked.iter().map(|item| {
        let reason = match &item.reason {
            Reason::Fact { name, error } => format!("{name}: {error}"),
            other => other.to_string(),
        };
        format!("in force: {reason} ({})", Escaped(item.path.as_bytes()))
    });
    let unseen: Vec<String> = unseen.collect();
    if !fails.is_empty() {
        if result.outcome == Outcome::Pass {
            fails.push("the files are as wanted: reboot, or apply them".to_owned());
        }
        result.outcome = Outcome::Fail;
        result.reasons.extend(fails);
    } else if result.outcome == Outcome::Fail {
        if report.facts.held > 0 && unseen.is_empty() {
            let text = "in force it holds, until the next boot";
            result.reasons.push(text.to_owned());
        }
    } else if !unseen.is_empty() {
        result.outcome = Outcome::Unknown;
        result.reasons.extend(unseen);
    }
}

fn nothing_yet() -> Report {
    Report {
        checked: Counts::default(),
        drifts: Vec::new(),
        omitted: Tally::default(),
        facts: FactCounts::default(),
        exempted: BTreeMap::new(),
        not_checked: Vec::new(),
        paths_not_checked: 0,
        notes: Vec::new(),
    }
}
