//! Applying rules to a tree, and checking them on a root.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Phase;
use super::{
    Answer, Edit, EditError, Outcome, ResultOf, Results, ResultsError, Root, Rule, RuleId,
    Selection, TreeView, ViewError,
};
use crate::expect::Facts;
use crate::tree::{Blobs, MemoryBlobs, Open, Tree};

/// A tree that rules were applied to.
#[derive(Debug)]
pub struct Hardened {
    /// The tree.
    pub tree: Tree<Open>,
    /// What came of each rule, checked on that tree.
    pub results: Results,
    /// What must hold on the running system.
    pub facts: Facts,
}

/// What a rule did to a tree.
#[derive(Debug, Default)]
struct Done {
    wrote: BTreeSet<String>,
    conflicts: Vec<String>,
    failed: Vec<String>,
}

/// Applies the rules of `selection` to `tree`, in the order of their ids, and checks them. Bytes of
/// the tree are in `blobs`, new ones go into `new`.
///
/// # Errors
/// There is no rule to apply.
pub fn apply(
    mut tree: Tree<Open>,
    selection: &Selection,
    new: &mut MemoryBlobs,
    blobs: &dyn Blobs,
) -> Result<Hardened, ResultsError> {
    let stated = selection.stated.as_ref();
    let mut done: BTreeMap<RuleId, Done> = BTreeMap::new();
    let wanted: Vec<&Rule> = {
        let view = TreeView::layered(&tree, &*new, blobs);
        let root = Root::new(&view, stated);
        let wanted = selection.rules().filter(|rule| {
            !selection.except.contains_key(&rule.id) && rule.applies.unmet(&root) == Ok(None)
        });
        wanted.collect()
    };
    for phase in Phase::ALL {
        for rule in &wanted {
            for setting in rule.settings.iter().filter(|it| it.phase() == phase) {
                let mut edit = Edit::new(&mut tree, new, blobs, &rule.id, stated);
                let applied = setting.apply(&mut edit);
                let (wrote, conflicts) = edit.finish();
                let done = done.entry(rule.id.clone()).or_default();
                let wrote = wrote.iter().map(ToString::to_string);
                done.wrote.extend(wrote);
                for conflict in conflicts {
                    if !done.conflicts.contains(&conflict) {
                        done.conflicts.push(conflict);
                    }
                }
                if let Err(error) = applied {
                    done.failed.push(reason(&error));
                }
            }
        }
    }
    let view = TreeView::layered(&tree, &*new, blobs);
    let root = Root::new(&view, stated).with_ceilings(&selection.ceilings);
    let mut results = check(&root, selection)?;
    for result in &mut results.results {
        let Some(done) = done.remove(&result.id) else {
            continue;
        };
        result.wrote = done.wrote.into_iter().collect();
        result.conflicts = done.conflicts;
        // What could not be set is a failure only where it does not hold anyway.
        if result.outcome == Outcome::Fail {
            result.reasons.extend(done.failed);
        }
    }
    let facts = facts(&root, selection, &results);
    Ok(Hardened {
        tree,
        results,
        facts,
    })
}

/// Checks the rules of `selection` on `root`.
///
/// # Errors
/// There is no rule to check.
pub fn check(root: &Root<'_>, selection: &Selection) -> Result<Results, ResultsError> {
    let results = selection.rules().map(|rule| {
        let (outcome, reasons) = check_rule(rule, root);
        let except = selection.except.get(&rule.id);
        ResultOf {
            conflicts: Vec::new(),
            id: rule.id.clone(),
            outcome: except.map_or(outcome, |_| Outcome::Excepted),
            reasons: except.map_or(reasons, |reason| vec![reason.clone()]),
            refs: rule.refs.clone(),
            severity: rule.severity,
            title: rule.title.clone(),
            without: except.map(|_| outcome),
            wrote: Vec::new(),
        }
    });
    let (catalogue, profile) = (selection.catalogue.digest(), selection.profile);
    Results::new(catalogue, profile, results.collect())
}

/// What must hold on the running system by one rule that applies to `root`.
///
/// # Errors
/// `root` cannot be looked at.
pub fn facts_of(rule: &Rule, root: &Root<'_>) -> Result<Facts, ViewError> {
    let mut facts = Facts::default();
    for setting in &rule.settings {
        setting.facts(&rule.id, root, &mut facts)?;
    }
    Ok(facts)
}

/// What must hold on the running system by the rules that hold on `root`.
fn facts(root: &Root<'_>, selection: &Selection, results: &Results) -> Facts {
    let mut facts = Facts::default();
    for rule in selection.rules() {
        let holds = results
            .get(rule.id.as_str())
            .is_some_and(|result| result.outcome == Outcome::Pass);
        if holds {
            for setting in &rule.settings {
                // The check has just seen all that this asks for.
                let _seen = setting.facts(&rule.id, root, &mut facts);
            }
        }
    }
    facts
}

fn check_rule(rule: &Rule, root: &Root<'_>) -> (Outcome, Vec<String>) {
    match rule.applies.unmet(root) {
        Ok(None) => {}
        Ok(Some(reason)) => return (Outcome::NotApplicable, vec![reason]),
        Err(error) => return (Outcome::Unknown, vec![unseen(&error)]),
    }
    let mut answer = Answer::default();
    for setting in &rule.settings {
        if let Err(error) = setting.check(root, &mut answer) {
            answer.unknown(unseen(&error));
        }
    }
    let Answer {
        mut fails,
        unknown,
        skipped,
        more,
    } = answer;
    if !fails.is_empty() {
        if more > 0 {
            fails.push(format!("and {more} more"));
        }
        return (Outcome::Fail, fails);
    }
    if !unknown.is_empty() {
        return (Outcome::Unknown, unknown);
    }
    if skipped.len() == rule.settings.len() {
        return (Outcome::NotApplicable, skipped);
    }
    (Outcome::Pass, Vec::new())
}

fn unseen(error: &ViewError) -> String {
    format!("{error}; run it as somebody who may read it")
}

fn reason(error: &EditError) -> String {
    format!("it could not be set: {error}")
}
