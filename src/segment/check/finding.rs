//! A broken rule and its place.

use super::code::Rule;
use crate::segment::value::Statement;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where.
    pub spot: Spot,
    /// Which rule.
    pub rule: Rule,
    /// The fact that breaks it.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// In the template of the member of this number.
    Member(usize, Statement),
    /// In `fleet.toml`: which kind of demand, and its number.
    Charter(Demand, usize),
}

/// A kind of demand in `fleet.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// `[[must_deny]]`.
    Deny,
    /// `[[must_permit]]`.
    Permit,
}

/// What is found, as it grows.
pub(super) trait Report {
    fn add(&mut self, rule: Rule, member: usize, statement: Statement, message: String, help: &str);
}

impl Report for Vec<Finding> {
    fn add(
        &mut self,
        rule: Rule,
        member: usize,
        statement: Statement,
        message: String,
        help: &str,
    ) {
        self.push(Finding {
            spot: Spot::Member(member, statement),
            rule,
            message,
            help: Some(help.to_owned()),
        });
    }
}
