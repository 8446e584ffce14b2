//! All rules that there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::shipped::SHIPPED;
use super::{Rule, RuleId, parse};
use crate::digest::Digest;
use crate::limits;
use crate::written::diagnostic::{Code, Diagnostics};
use crate::written::reader::Sink;

/// Rules by id, and the digest of the files that state them.
#[derive(Clone, Debug)]
pub struct Catalogue {
    rules: BTreeMap<RuleId, Rule>,
    digest: Digest,
}

impl Catalogue {
    /// The rules that this karat comes with.
    ///
    /// # Errors
    /// They break a rule of their own: a test keeps that from being released.
    pub fn shipped() -> Result<Arc<Self>, Diagnostics> {
        Self::with(&[])
    }

    /// The shipped rules, and those of further files, each by name and text.
    ///
    /// # Errors
    /// Every rule that the files break, each with its place.
    pub fn with(files: &[(String, String)]) -> Result<Arc<Self>, Diagnostics> {
        let sink = Sink::default();
        let catalogue = Self::read(files, &sink);
        if sink.is_clean() {
            Ok(Arc::new(catalogue))
        } else {
            Err(sink.into_diagnostics())
        }
    }

    /// Rules of these files alone.
    ///
    /// # Errors
    /// Every rule that the files break, each with its place.
    pub fn of(files: &[(String, String)]) -> Result<Arc<Self>, Diagnostics> {
        let sink = Sink::default();
        let catalogue = Self::read_all(files, &sink);
        if sink.is_clean() {
            Ok(Arc::new(catalogue))
        } else {
            Err(sink.into_diagnostics())
        }
    }

    /// As [`Catalogue::with`], for files that belong to a chain of templates.
    pub(crate) fn read(files: &[(String, String)], sink: &Sink) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, bytes) in SHIPPED {
            let text = String::from_utf8_lossy(bytes).into_owned();
            all.push((format!("rules/{name}"), text));
        }
        all.extend(files.iter().cloned());
        Self::read_all(&all, sink)
    }

    fn read_all(files: &[(String, String)], sink: &Sink) -> Self {
        let mut rules: BTreeMap<RuleId, Rule> = BTreeMap::new();
        let mut list = String::new();
        for (name, text) in files {
            // Writing to a String cannot fail.
            let _infallible = writeln!(list, "{}  {name}", Digest::of(text.as_bytes()));
            for (rule, span) in parse::rules(name, text, sink) {
                if let Some(first) = rules.get(&rule.id) {
                    let message =
                        format!("the rule {} is stated in {} already", rule.id, first.file);
                    let help = "give the rule another id; a shipped rule is taken out by except";
                    sink.report(Code::T011, &span, message, Some(help.to_owned()));
                    continue;
                }
                if rules.len() >= limits::RULES_MAX {
                    let message = format!("more than {} rules", limits::RULES_MAX);
                    sink.report(Code::T016, &span, message, None);
                    break;
                }
                rules.insert(rule.id.clone(), rule);
            }
        }
        Self {
            rules,
            digest: Digest::of(list.as_bytes()),
        }
    }

    /// All rules, by id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// A rule.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// SHA-256 of the list of files in the form of sha256sum(1): digest, two blanks, name, line end.
    /// Shipped files come first, by name, as `rules/NAME`; then those of the template as it states
    /// them.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}
