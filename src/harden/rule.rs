//! One rule.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Applies, Profile, Refs, Setting, Severity};
use crate::tree::Origin;

/// A rule: what must hold of an image, and why.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub id: RuleId,
    /// What holds where it holds, in one line.
    pub title: String,
    /// How bad it is where it does not.
    pub severity: Severity,
    /// The mildest profile that has it.
    pub profile: Profile,
    /// Why.
    pub rationale: String,
    /// What it may break.
    pub breaks: Option<String>,
    /// Where others ask for the same.
    pub refs: Refs,
    /// When it applies.
    pub applies: Applies,
    /// What it sets and checks; all must hold. Never empty.
    pub settings: Vec<Arc<dyn Setting>>,
    /// The file that states it.
    pub file: String,
}

impl Rule {
    /// Whether an image without a category lets nothing out that is not stated, by this rule.
    pub fn closes_output(&self) -> bool {
        let mut settings = self.settings.iter();
        self.applies.category.is_empty() && settings.any(|setting| setting.closes_output())
    }
}

/// The name of a rule: `sh.root`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RuleId(String);

impl RuleId {
    /// The rule, for people.
    pub const RULE: &'static str = "a rule's id is 1 to 48 of a-z 0-9 . - and starts with a letter";

    /// Takes a name.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-'
        };
        let fits = text.len() <= 48
            && text
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_lowercase())
            && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What this rule writes is of this origin.
    pub fn origin(&self) -> Origin {
        Origin::Rule(self.0.clone())
    }

    /// The name as part of a file name: dots as dashes, so that `sc.fwd` gives `60-karat-sc-fwd`.
    pub fn file_stem(&self) -> String {
        self.0.replace('.', "-")
    }
}

impl Borrow<str> for RuleId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom(Self::RULE))
    }
}
