//! The rules of the packet filter.

use std::collections::BTreeSet;

use super::judge::{Breach, Court, place};
use super::{Observations, Seen, source};
use crate::appraise::{Effect, Severity};
use crate::expect::Facts;
use crate::path::Escaped;

/// Longest rule that is shown whole.
const SHOWN_MAX: usize = 1000;

pub(super) fn judge(court: &mut Court<'_>, expected: &Facts, seen: &Observations) {
    let Some(expected) = &expected.firewall else {
        return;
    };
    let unasked = Seen::Unreadable("it was not observed".to_owned());
    let observed = seen.firewall.as_ref().unwrap_or(&unasked);
    let absent = "this kernel has no packet filter";
    let Some(observed) = court.need("firewall", source::FIREWALL, observed, absent) else {
        return;
    };
    let rules = with_peers(&expected.rules, &seen.peers);
    if *observed == rules {
        return court.held();
    }
    let missing = difference(&rules, observed);
    let extra = difference(observed, &rules);
    let is_moved = missing.is_empty() && extra.is_empty();
    let breach = Breach {
        name: "firewall".to_owned(),
        source: place(source::FIREWALL),
        expected: if is_moved {
            Some("the same rules in another order, or as often".to_owned())
        } else {
            describe(&missing)
        },
        observed: describe(&extra),
        effect: Effect::Network,
        severity: Severity::High,
    };
    court.drift(&expected.origin, breach);
}

/// The rules, with those sets filled that a document of peers fills.
fn with_peers(rules: &[String], peers: &[(String, String)]) -> Vec<String> {
    let mut all = Vec::with_capacity(rules.len());
    for rule in rules {
        let filled = peers.iter().find(|(bare, _)| bare == rule);
        all.push(filled.map_or(rule, |(_, filled)| filled).clone());
    }
    all
}

/// What stands in `these` and not in `those`.
fn difference<'a>(these: &'a [String], those: &[String]) -> Vec<&'a String> {
    let mut known = BTreeSet::new();
    for rule in those {
        known.insert(rule.as_str());
    }
    let is_new = |rule: &&String| !known.contains(rule.as_str());
    these.iter().filter(is_new).collect()
}

/// How many, and the first of them.
fn describe(rules: &[&String]) -> Option<String> {
    let first = rules.first()?;
    let shown: String = Escaped(first.as_bytes())
        .to_string()
        .chars()
        .take(SHOWN_MAX)
        .collect();
    Some(match rules.len() {
        1 => shown,
        count => format!("{shown} and {} more", count.saturating_sub(1)),
    })
}
