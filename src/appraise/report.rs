//! What an appraisal says.

use std::collections::BTreeMap;
use std::fmt;

use super::fact::FactCounts;
use super::{Drift, NotChecked, Severity, Tally};
use crate::expect::Class;

/// What holds about something that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is exactly as signed, but for what the expectations exempt.
    Match,
    /// Something is not as signed.
    Drift,
    /// The signature, a key, or a signed neighbour is not to be trusted.
    Untrusted,
    /// Older than what was accepted already.
    Rollback,
    /// Something that should have been checked could not be.
    Incomplete,
}

impl Verdict {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Drift => "drift",
            Self::Untrusted => "untrusted",
            Self::Rollback => "rollback",
            Self::Incomplete => "incomplete",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The result of comparing evidence with a manifest and expectations.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How much was looked at.
    pub checked: Counts,
    /// Every difference that no expectation exempts, by path; then those of runtime facts, kind by
    /// kind.
    pub drifts: Vec<Drift>,
    /// How many further drifts of paths there are of each severity, beyond
    /// [`limits::DRIFTS_MAX`](crate::limits::DRIFTS_MAX) of it.
    pub omitted: Tally,
    /// What became of the runtime facts.
    pub facts: FactCounts,
    /// How many differences each class of expectations exempted.
    pub exempted: BTreeMap<Class, u64>,
    /// What should have been checked and could not be.
    pub not_checked: Vec<NotChecked>,
    /// How many listed paths are among or below those.
    pub paths_not_checked: u64,
    /// What a reader should know about how this was observed.
    pub notes: Vec<String>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Paths observed.
    pub paths: u64,
    /// Regular files whose content was compared by digest.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Report {
    /// How many drifts of a severity there are, listed or not.
    pub fn count(&self, severity: Severity) -> u64 {
        let same = |drift: &&Drift| drift.severity == severity;
        let listed = self.drifts.iter().filter(same).count();
        u64::try_from(listed)
            .unwrap_or(u64::MAX)
            .saturating_add(self.omitted.of(severity))
    }

    /// How many drifts there are, listed or not.
    pub fn drift_count(&self) -> u64 {
        let listed = u64::try_from(self.drifts.len()).unwrap_or(u64::MAX);
        let add = |count: u64, (_, more): (Severity, u64)| count.saturating_add(more);
        self.omitted.counted().fold(listed, add)
    }

    /// All verdicts that apply, the worst first: drift, incomplete, or match alone.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        if !self.drifts.is_empty() {
            verdicts.push(Verdict::Drift);
        }
        if !self.not_checked.is_empty() || self.paths_not_checked > 0 {
            verdicts.push(Verdict::Incomplete);
        }
        if verdicts.is_empty() {
            verdicts.push(Verdict::Match);
        }
        verdicts
    }

    /// The worst verdict that applies.
    pub fn verdict(&self) -> Verdict {
        self.verdicts().first().copied().unwrap_or(Verdict::Match)
    }
}
