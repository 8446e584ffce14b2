//! What came of each rule: `.rules.json`.
//!
//! ```text
//! {"catalogue":"6dcd…","profile":"server-l1","results":[{"conflicts":[],"id":"sc.fwd","outcome":"pass",
//!  "reasons":[],"refs":{"cis":["3.3.1"]},"severity":"medium","title":"…","wrote":["/etc/…"]}],"version":1}
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Profile, RuleId, Severity};
use crate::digest::Digest;
use crate::json::{self, JsonError};
use crate::limits;

/// Where others ask for the same, by whose they are: `cis`, `anssi`, `stig`, `nist`, `kspp`, `ssg`.
/// None of the lists is empty.
pub type Refs = BTreeMap<String, Vec<String>>;

/// What came of the rules of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The digest of the catalogue that the rules are from.
    pub catalogue: Digest,
    /// Which of its rules were wanted.
    pub profile: Profile,
    /// One for each rule, by id; never empty.
    pub results: Vec<ResultOf>,
    version: u8,
}

/// What came of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultOf {
    /// What the template states and the rule therefore left alone.
    pub conflicts: Vec<String>,
    /// Which rule.
    pub id: RuleId,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, for all but `pass`; the template's reason where it is excepted.
    pub reasons: Vec<String>,
    /// Where others ask for the same.
    pub refs: Refs,
    /// How bad it is where it does not hold.
    pub severity: Severity,
    /// What the rule says.
    pub title: String,
    /// What would have come of a rule that is excepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<Outcome>,
    /// The paths that the rule wrote, sorted; empty where nobody built.
    pub wrote: Vec<String>,
}

/// What came of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It does not hold.
    Fail,
    /// It cannot be told.
    Unknown,
    /// The template takes it out, with a reason.
    Excepted,
    /// It does not apply, because ….
    NotApplicable,
    /// It holds.
    Pass,
}

impl Outcome {
    /// All, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Fail,
        Self::Unknown,
        Self::Excepted,
        Self::NotApplicable,
        Self::Pass,
    ];

    /// The word that stands in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Excepted => "excepted",
            Self::NotApplicable => "not-applicable",
            Self::Pass => "pass",
        }
    }
}

/// The rule that a file of results breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultsError {
    /// No rule was looked at: that is no proof of anything.
    #[error("there is no rule: nothing was looked at")]
    Empty,
    /// The JSON is none, or of another shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An outcome without its reason, or with one that it cannot have.
    #[error(
        "the rule {0}: all outcomes but pass have reasons, and only excepted ones have `without`"
    )]
    Reasons(RuleId),
    /// Not the one spelling that these results have.
    #[error("it is not spelt as karat writes it: compact JSON with sorted keys, rules by id")]
    Spelling,
    /// More than [`limits::RULES_MAX`].
    #[error("more than {} rules", limits::RULES_MAX)]
    TooMany,
    /// A version that this karat does not know.
    #[error("its version is {0}; this karat reads version 1")]
    Version(u8),
}

impl Results {
    /// Results of these rules, in the order of their ids.
    ///
    /// # Errors
    /// There are none.
    pub fn new(
        catalogue: Digest,
        profile: Profile,
        mut results: Vec<ResultOf>,
    ) -> Result<Self, ResultsError> {
        results.sort_by(|a, b| a.id.cmp(&b.id));
        let results = Self {
            catalogue,
            profile,
            results,
            version: 1,
        };
        results.check()?;
        Ok(results)
    }

    /// The bytes of `.rules.json`: canonical JSON and a line end.
    ///
    /// # Errors
    /// Never for what [`Results::new`] and [`Results::parse`] give.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ResultsError> {
        let mut bytes = json::canonical(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads `.rules.json`, in its one spelling.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, ResultsError> {
        let results: Self = json::read(bytes, limits::RULE_RESULTS_MAX)?;
        results.check()?;
        if results.to_bytes()? != bytes {
            return Err(ResultsError::Spelling);
        }
        Ok(results)
    }

    /// How many rules have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        let results = self.results.iter();
        results.filter(|result| result.outcome == outcome).count()
    }

    /// What came of a rule.
    pub fn get(&self, id: &str) -> Option<&ResultOf> {
        self.results
            .binary_search_by(|result| result.id.as_str().cmp(id))
            .ok()
            .and_then(|at| self.results.get(at))
    }

    fn check(&self) -> Result<(), ResultsError> {
        if self.version != 1 {
            return Err(ResultsError::Version(self.version));
        }
        if self.results.is_empty() {
            return Err(ResultsError::Empty);
        }
        if self.results.len() > limits::RULES_MAX {
            return Err(ResultsError::TooMany);
        }
        let ascends = |pair: &[ResultOf]| match pair {
            [a, b] => a.id < b.id,
            _ => true,
        };
        if !self.results.windows(2).all(ascends) {
            return Err(ResultsError::Spelling);
        }
        for result in &self.results {
            let reasons = (result.outcome == Outcome::Pass) == result.reasons.is_empty();
            let excepted = (result.outcome == Outcome::Excepted) == result.without.is_some();
            let without = result.without != Some(Outcome::Excepted);
            if !(reasons && excepted && without) {
                return Err(ResultsError::Reasons(result.id.clone()));
            }
        }
        Ok(())
    }
}
