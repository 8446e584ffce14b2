//! One thing found.

use serde::Serialize;

use super::{Code, Severity};

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// The entry that it is about; `null` where it is about no single one.
    pub index: Option<u64>,
    /// What it is about: a key id, `IMAGE SERIAL`, a file. Acknowledgements name it.
    pub subject: String,
    /// What is wrong, in one sentence.
    pub text: String,
    /// What to do.
    pub next: &'static str,
    /// Who has taken note of it; then it decides no exit code.
    pub acknowledged: Option<Acknowledged>,
}

/// Somebody has taken note of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acknowledged {
    /// Who.
    pub who: String,
    /// Why it may stay.
    pub reason: String,
}

/// How often a code was found. Of a code that was found very often, not each finding is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CodeCount {
    /// The code.
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is, in a few words.
    pub title: &'static str,
    /// How often it was found, acknowledged ones included.
    pub found: u64,
    /// How many of these somebody has acknowledged.
    pub acknowledged: u64,
    /// How many of these stand in `findings`.
    pub listed: u64,
}
