//! What rules can set: one file for each kind.
//!
//! A kind reads its keys from a `[[rule.setting]]` table, writes what it states to a tree, checks it
//! on any root, and says what must then hold on a running system.

mod absent;
mod account;
mod audit;
mod cmdline;
mod directive;
mod exposure;
mod file;
mod firewall;
mod line;
mod mode;
mod module;
mod mount;
mod owner;
mod package;
mod pam;
mod sandbox;
mod scan;
mod setid;
mod sysctl;
mod text;
mod unit;

pub use module::NEEDED_BY_DISK;

use std::fmt;
use std::sync::Arc;

use super::{Edit, EditError, Root, RuleId, ViewError};
use crate::expect::Facts;
use crate::limits;
use crate::segment::Exposure;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// One thing that a rule sets and checks.
pub trait Setting: fmt::Debug + Send + Sync {
    /// The word of the kind, as in `kind = "sysctl"`.
    fn kind(&self) -> &'static str;

    /// What it sets or looks at, in words that two settings share exactly where they are about the
    /// same thing: `sysctl net.ipv4.ip_forward`. Sorted, never empty.
    fn about(&self) -> Vec<String>;

    /// What must hold, a line for each thing, for people.
    fn describe(&self) -> Vec<String>;

    /// When it is applied: later phases see what earlier ones of all rules wrote.
    fn phase(&self) -> Phase {
        Phase::Write
    }

    /// Makes the tree hold what is stated; changes nothing where it holds already.
    ///
    /// # Errors
    /// It cannot be done; what the check then finds is the rule's failure.
    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError>;

    /// Says what of it does not hold of `root`: nothing said means that all does.
    ///
    /// # Errors
    /// Something that must be seen cannot be: the rule is then `unknown`.
    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError>;

    /// How exposed a service may be at most by this setting, and why it is no less; `starts`: something
    /// starts it. `None`: the setting says nothing of it.
    #[expect(unused_variables, reason = "most kinds say nothing of it")]
    fn ceiling(&self, unit: &str, starts: bool) -> Option<(Exposure, Option<String>)> {
        None
    }

    /// Whether what nothing lets out is dropped where it holds.
    fn closes_output(&self) -> bool {
        false
    }

    /// Adds what must hold on the running system, once `root` has it, as asked for by `rule`.
    ///
    /// # Errors
    /// `root` cannot be looked at.
    #[expect(
        unused_variables,
        reason = "most kinds say nothing of a running system"
    )]
    fn facts(&self, rule: &RuleId, root: &Root<'_>, facts: &mut Facts) -> Result<(), ViewError> {
        Ok(())
    }

    /// Undoes what it sets, as somebody by hand would, so that its check must fail.
    ///
    /// # Errors
    /// It cannot be done.
    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError>;
}

/// When a setting is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Files are written.
    Write,
    /// Modes and owners are set, and things removed.
    Stat,
    /// Files are made from what stands there: rules for each set-id program.
    Derive,
}

impl Phase {
    /// All, in order.
    pub(super) const ALL: [Self; 3] = [Self::Write, Self::Stat, Self::Derive];
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub(super) fails: Vec<String>,
    pub(super) unknown: Vec<String>,
    pub(super) skipped: Vec<String>,
    pub(super) more: usize,
}

impl Answer {
    /// Something does not hold: the place, what stands there, what should, and the next step where
    /// it is not plain. Text of the image goes through [`Escaped`](crate::path::Escaped).
    pub fn fail(&mut self, reason: impl Into<String>) {
        if self.fails.len() < limits::RULE_REASONS_MAX {
            self.fails.push(reason.into());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Something cannot be told.
    pub fn unknown(&mut self, reason: impl Into<String>) {
        if self.unknown.len() < limits::RULE_REASONS_MAX {
            self.unknown.push(reason.into());
        }
    }

    /// This setting does not apply, because …; a rule none of whose settings applies does not.
    pub fn not_applicable(&mut self, reason: impl Into<String>) {
        self.skipped.push(reason.into());
    }
}

/// A ceiling that a key states.
fn ceiling(table: &Reader<'_>, key: &'static str) -> Option<Exposure> {
    let number = table.decimal(key)?;
    let ceiling = Exposure::parse(&number.value);
    if ceiling.is_none() {
        let message = format!("{} is not allowed: {}", number.value, Exposure::RULE);
        table.sink().report(Code::T006, &number.span, message, None);
    }
    ceiling
}

/// Reads the further keys of a setting; `None` where they are wrong, which is then reported.
type Parse = fn(&Reader<'_>) -> Option<Arc<dyn Setting>>;

/// All kinds, by their words.
pub(super) const KINDS: &[(&str, Parse)] = &[
    ("absent", absent::parse),
    ("account", account::parse),
    ("audit", audit::parse),
    ("cmdline", cmdline::parse),
    ("directive", directive::parse),
    ("exposure", exposure::parse),
    ("file", file::parse),
    ("firewall", firewall::parse),
    ("line", line::parse),
    ("mode", mode::parse),
    ("module", module::parse),
    ("mount", mount::parse),
    ("package", package::parse),
    ("pam", pam::parse),
    ("sandbox", sandbox::parse),
    ("scan", scan::parse),
    ("setid", setid::parse),
    ("sysctl", sysctl::parse),
    ("unit", unit::parse),
];
