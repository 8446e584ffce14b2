//! From a scanner's rules to karat's: which rule answers what a SCAP scanner says fails, or why none does.
//!
//! The names are those of `ComplianceAsCode`, of which Debian's package `ssg-debian` is made. Rules name them
//! in `refs.ssg`; `templates/scap/` has those that one rule answers by the dozen, those that stand apart,
//! and what a scan of `base` finds although all rules hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::harden::{Catalogue, Rule};
use crate::ops::shipped::SHIPPED;
use crate::path::name_matches;

/// What stands before the name of a rule in a scanner's results.
const PREFIX: &str = "xccdf_org.ssgproject.content_rule_";

/// What karat says to one rule of a scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The scanner's rule by its short name, or a pattern of such names (`*`).
    pub scap: String,
    /// The rules of karat that ask for the same, by id.
    pub rules: Vec<String>,
    /// The sections of the CIS benchmark that these are about.
    pub cis: Vec<String>,
    /// Why no rule asks for it, or why it fails although the rules hold.
    pub reasons: Vec<Reason>,
}

/// Why it is not, or not all, answered by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For people.
    pub reason: String,
    /// The releases of Debian where a scan finds it; empty where that is not the question.
    pub suites: Vec<String>,
}

impl Answer {
    /// Whether there is any.
    pub fn is_some(&self) -> bool {
        !self.rules.is_empty() || !self.reasons.is_empty()
    }
}

/// The shipped files cannot be read: a test keeps that from being released.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ScapError {
    file: &'static str,
    reason: String,
}

/// Everything that is known of a scanner's rules, by the rules that `wanted` takes.
#[derive(Clone, Debug)]
pub struct Scap {
    /// By the scanner's rule, or a pattern of such.
    all: BTreeMap<String, Answer>,
}

impl Scap {
    /// Reads what is shipped.
    ///
    /// # Errors
    /// The shipped files break their own form.
    pub fn of(catalogue: &Catalogue, wanted: impl Fn(&Rule) -> bool) -> Result<Self, ScapError> {
        let mut scap = Self {
            all: BTreeMap::new(),
        };
        let rules = catalogue.rules().filter(|rule| wanted(rule));
        let rules: BTreeMap<&str, &Rule> = rules.map(|rule| (rule.id.as_str(), rule)).collect();
        for rule in rules.values() {
            for name in rule.refs.get("ssg").into_iter().flatten() {
                scap.add_rule(name, rule);
            }
        }
        let answers: Answers = shipped("scap/answers.toml")?;
        for answer in &answers.answer {
            if let Some(rule) = rules.get(answer.rule.as_str()) {
                for name in &answer.scap {
                    scap.add_rule(name, rule);
                }
            }
        }
        for apart in answers.apart {
            for name in &apart.scap {
                let reason = apart.reason.clone();
                scap.slot(name).reasons.push(Reason {
                    reason,
                    suites: Vec::new(),
                });
            }
        }
        let exceptions: Exceptions = shipped("scap/exceptions.toml")?;
        for exception in exceptions.exception {
            scap.slot(&exception.rule).reasons.push(Reason {
                reason: exception.reason,
                suites: exception.suites,
            });
        }
        Ok(scap)
    }

    /// All answers, by the scanner's names; patterns stand for those that they fit.
    pub fn all(&self) -> impl Iterator<Item = &Answer> {
        self.all.values()
    }

    /// What karat says to one rule of the scanner's, by its short name or as results spell it.
    pub fn answer(&self, name: &str) -> Answer {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        let mut found = Answer::nothing(name);
        let (mut rules, mut cis) = (BTreeSet::new(), BTreeSet::new());
        for answer in self.all.values() {
            if name_matches(answer.scap.as_bytes(), name.as_bytes()) {
                rules.extend(answer.rules.iter().cloned());
                cis.extend(answer.cis.iter().cloned());
                found.reasons.extend(answer.reasons.iter().cloned());
            }
        }
        found.rules.extend(rules);
        found.cis.extend(cis);
        found
    }

    fn add_rule(&mut self, name: &str, rule: &Rule) {
        let slot = self.slot(name);
        let id = rule.id.to_string();
        if !slot.rules.contains(&id) {
            slot.rules.push(id);
        }
        for section in rule.refs.get("cis").into_iter().flatten() {
            if !slot.cis.contains(section) {
                slot.cis.push(section.clone());
            }
        }
    }

    fn slot(&mut self, name: &str) -> &mut Answer {
        self.all
            .entry(name.to_owned())
            .or_insert_with(|| Answer::nothing(name))
    }
}

impl Answer {
    fn nothing(name: &str) -> Self {
        Self {
            scap: name.to_owned(),
            rules: Vec::new(),
            cis: Vec::new(),
            reasons: Vec::new(),
        }
    }
}

/// `answers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    answer: Vec<Answered>,
    apart: Vec<Apart>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    rule: String,
    scap: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Apart {
    reason: String,
    scap: Vec<String>,
}

/// `exceptions.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    exception: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    rule: String,
    suites: Vec<String>,
    reason: String,
}

fn shipped<T: for<'de> Deserialize<'de>>(file: &'static str) -> Result<T, ScapError> {
    let failed = |reason: String| ScapError { file, reason };
    let found = SHIPPED.iter().find(|(name, _)| *name == file);
    let (_, bytes) = found.ok_or_else(|| failed("is not shipped".to_owned()))?;
    let text = std::str::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    toml::from_str(text).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_of_a_rule_that_there_is() {
        let catalogue = Catalogue::shipped().unwrap();
        let answers: Answers = shipped("scap/answers.toml").unwrap();
        let rules: Vec<&String> = answers.answer.iter().map(|answer| &answer.rule).collect();
        assert!(rules.is_sorted(), "{rules:?}");
        for answer in &answers.answer {
            assert!(catalogue.get(&answer.rule).is_some(), "{}", answer.rule);
            assert!(!answer.scap.is_empty());
        }
        for apart in &answers.apart {
            assert!(
                apart.reason.len() > 20 && !apart.scap.is_empty(),
                "{apart:?}"
            );
        }
    }

    #[test]
    fn a_failing_rule_of_the_scanner_finds_its_rule_or_its_reason() {
        let catalogue = Catalogue::shipped().unwrap();
        let scap = Scap::of(&catalogue, |_| true).unwrap();
        let root = scap.answer("xccdf_org.ssgproject.content_rule_sshd_disable_root_login");
        assert_eq!(root.scap, "sshd_disable_root_login");
        assert_eq!(
            (&*root.rules, &*root.cis),
            (&["sh.root".to_owned()][..], &["5.1.20".to_owned()][..])
        );
        assert_eq!(root.reasons, []);
        // By a pattern; by a rule and a reason; apart; by nothing.
        assert_eq!(scap.answer("file_owner_etc_passwd").rules, ["fp.passwd"]);
        let home = scap.answer("partition_for_tmp");
        assert_eq!(home.rules, ["fs.tmp"]);
        assert_eq!(home.reasons[0].suites, ["bookworm", "trixie"]);
        assert_eq!(scap.answer("ufw_disabled_routed").rules, [""; 0]);
        assert!(scap.answer("ufw_disabled_routed").is_some());
        assert!(!scap.answer("no_such_rule").is_some());
        // Rules that are not wanted answer nothing.
        let none = Scap::of(&catalogue, |_| false).unwrap();
        assert!(!none.answer("sshd_disable_root_login").is_some());
    }
}
