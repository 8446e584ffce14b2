//! Which rules are wanted: profiles, severities, exceptions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Catalogue, Rule, RuleId, Stated};
use crate::segment::{Exposure, UnitName};
use crate::written::Choice;

/// A set of rules; each contains those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// What any server bears.
    ServerL1,
    /// What a server bears whose services were looked at.
    ServerL2,
    /// What breaks things that some need; each is worth a look.
    Strict,
}

/// How bad it is where a rule does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A way in, or to root.
    High,
    /// A barrier less.
    Medium,
    /// A habit.
    Low,
}

impl Choice for Profile {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("server-l1", Self::ServerL1),
        ("server-l2", Self::ServerL2),
        ("strict", Self::Strict),
    ];
}

impl Choice for Severity {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("high", Self::High),
        ("medium", Self::Medium),
        ("low", Self::Low),
    ];
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The rules of a profile, less the exceptions that somebody gave a reason for.
#[derive(Clone, Debug)]
pub struct Selection {
    /// All rules that there are.
    pub catalogue: Arc<Catalogue>,
    /// Which of them are wanted.
    pub profile: Profile,
    /// Rules that are not applied, each with its reason.
    pub except: BTreeMap<RuleId, String>,
    /// What the template says of the image; `None` where there is no template at hand.
    pub stated: Option<Stated>,
    /// How exposed units may be at most: `[segment] exposure`.
    pub ceilings: BTreeMap<UnitName, Exposure>,
}

impl Selection {
    /// The rules of the profile, exceptions included, by id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.catalogue
            .rules()
            .filter(|rule| rule.profile <= self.profile)
    }
}
