//! All rules that there are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use super::shipped::SHIPPED;
use super::{Rule, RuleId, parse};
use crate::digest::Digest;
use crate::limits;
use crate::written::diagnostic::{Code, Diagnostics};
use crate::written::reader::Sink;

/// Rules by id, and the digest of the files that state them.
#[derive(Clone, Debug)]
pub struct Catalogue {
    rules: BTreeMap<RuleId, Arc<Rule>>,
    /// The list of files that [`Catalogue::digest`] is of.
    list: String,
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
        let catalogue = Self::nothing().add(files, &sink);
        if sink.is_clean() {
            Ok(Arc::new(catalogue))
        } else {
            Err(sink.into_diagnostics())
        }
    }

    /// As [`Catalogue::with`], for files that belong to a chain of templates.
    pub(crate) fn read(files: &[(String, String)], sink: &Sink) -> Self {
        // Parsed once: many templates may be read.
        static SHIPPED_RULES: OnceLock<Catalogue> = OnceLock::new();
        if let Some(shipped) = SHIPPED_RULES.get() {
            return shipped.clone().add(files, sink);
        }
        let texts = SHIPPED.iter().map(|(name, bytes)| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            (format!("rules/{name}"), text)
        });
        let texts: Vec<(String, String)> = texts.collect();
        let own = Sink::default();
        let shipped = Self::nothing().add(&texts, &own);
        if own.is_clean() {
            return SHIPPED_RULES
                .get_or_init(|| shipped)
                .clone()
                .add(files, sink);
        }
        // Again, for the places of what is wrong.
        Self::nothing().add(&texts, sink)
    }

    fn nothing() -> Self {
        Self {
            rules: BTreeMap::new(),
            list: String::new(),
            digest: Digest::of(b""),
        }
    }

    /// The catalogue with the rules of these files as well.
    fn add(mut self, files: &[(String, String)], sink: &Sink) -> Self {
        for (name, text) in files {
            // Writing to a String cannot fail.
            let _infallible = writeln!(self.list, "{}  {name}", Digest::of(text.as_bytes()));
            for (rule, span) in parse::rules(name, text, sink) {
                if let Some(first) = self.rules.get(&rule.id) {
                    let message =
                        format!("the rule {} is stated in {} already", rule.id, first.file);
                    let help = "give the rule another id; a shipped rule is taken out by except";
                    sink.report(Code::T011, &span, message, Some(help.to_owned()));
                    continue;
                }
                if self.rules.len() >= limits::RULES_MAX {
                    let message = format!("more than {} rules", limits::RULES_MAX);
                    sink.report(Code::T016, &span, message, None);
                    break;
                }
                self.rules.insert(rule.id.clone(), Arc::new(rule));
            }
        }
        self.digest = Digest::of(self.list.as_bytes());
        self
    }

    /// All rules, by id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().map(Arc::as_ref)
    }

    /// A rule.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id).map(Arc::as_ref)
    }

    /// SHA-256 of the list of files in the form of sha256sum(1): digest, two blanks, name, line end.
    /// Shipped files come first, by name, as `rules/NAME`; then those of the template as it states
    /// them.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}
