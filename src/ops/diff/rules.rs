//! Results of hardening rules that differ.

use std::collections::BTreeSet;

use super::RuleChange;
use crate::harden::{ResultOf, Results};

/// The rules whose results differ, by id; none where one side has no results.
pub(super) fn rules(from: Option<&Results>, to: Option<&Results>) -> Vec<RuleChange> {
    let (Some(from), Some(to)) = (from, to) else {
        return Vec::new();
    };
    let both = from.results.iter().chain(&to.results);
    let ids: BTreeSet<&str> = both.map(|result| result.id.as_str()).collect();
    let changes = ids.into_iter().filter_map(|id| {
        let (old, new) = (from.get(id), to.get(id));
        let said = |it: Option<&ResultOf>| it.map(|it| (it.outcome, it.reasons.clone()));
        if said(old) == said(new) {
            return None;
        }
        let result = new.or(old)?;
        Some(RuleChange {
            id: id.to_owned(),
            title: result.title.clone(),
            from: old.map(|it| it.outcome),
            to: new.map(|it| it.outcome),
            reasons: new.map(|it| it.reasons.clone()).unwrap_or_default(),
        })
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::digest::Digest;
    use crate::harden::{Outcome, Profile, RuleId, Severity};

    #[test]
    fn results_that_differ() {
        let result = |id: &str, outcome: Outcome, reasons: &[&str]| ResultOf {
            conflicts: Vec::new(),
            id: RuleId::new(id).unwrap(),
            outcome,
            reasons: reasons.iter().map(|it| (*it).to_owned()).collect(),
            refs: BTreeMap::new(),
            severity: Severity::Low,
            title: id.to_owned(),
            without: (outcome == Outcome::Excepted).then_some(Outcome::Fail),
            wrote: Vec::new(),
        };
        let results = |results| Results::new(Digest::of(b""), Profile::Strict, results).unwrap();
        let from = results(vec![
            result("a.same", Outcome::Pass, &[]),
            result("b.other", Outcome::Pass, &[]),
            result("c.gone", Outcome::Pass, &[]),
            result("e.reason", Outcome::Excepted, &["as ever"]),
        ]);
        let to = results(vec![
            result("a.same", Outcome::Pass, &[]),
            result("b.other", Outcome::Excepted, &["a router"]),
            result("d.new", Outcome::NotApplicable, &["no kernel"]),
            result("e.reason", Outcome::Excepted, &["for another reason"]),
        ]);
        let changes = rules(Some(&from), Some(&to));
        let seen: Vec<_> = changes
            .iter()
            .map(|it| (it.id.as_str(), it.from, it.to))
            .collect();
        assert_eq!(
            seen,
            [
                ("b.other", Some(Outcome::Pass), Some(Outcome::Excepted)),
                ("c.gone", Some(Outcome::Pass), None),
                ("d.new", None, Some(Outcome::NotApplicable)),
                ("e.reason", Some(Outcome::Excepted), Some(Outcome::Excepted)),
            ]
        );
        assert_eq!(changes[3].reasons, ["for another reason"]);
        assert_eq!(rules(None, Some(&to)), []);
    }
}
