//! Everything found wrong, in the order of places.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Span;
use crate::written::diagnostic::{Code, Diagnostic, Diagnostics, Location};

/// In the place of a key: the whole table is wrong.
pub(super) const ANY: &str = "*";

/// The texts of the chain, and everything found wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    files: RefCell<Vec<(String, String)>>,
    found: RefCell<Vec<(usize, usize, Diagnostic)>>,
    /// Keys that are stated, by table and key, but wrong: they are not missing as well.
    pub(super) wrong: RefCell<BTreeSet<(&'static str, &'static str)>>,
    /// All keys asked for, by table and key.
    #[cfg(test)]
    pub(super) asked: RefCell<BTreeSet<(&'static str, &'static str)>>,
}

/// Most diagnostics of one run: a file of nonsense would give one for each of its lines.
const DIAGNOSTICS_MAX: usize = 100;

impl Sink {
    /// Adds a file of the chain; its number is what [`Span::file`] holds.
    pub(crate) fn add_file(&self, name: &str, text: &str) -> usize {
        let mut files = self.files.borrow_mut();
        files.push((name.to_owned(), text.to_owned()));
        files.len().saturating_sub(1)
    }

    /// Reports a broken rule at a place.
    pub(crate) fn report(&self, code: Code, span: &Span, message: String, help: Option<String>) {
        let location = self.location(span);
        self.push(
            span.file,
            span.range.start,
            Diagnostic {
                code,
                message,
                location,
                help,
            },
        );
    }

    /// A place, as people see it.
    pub(crate) fn location(&self, span: &Span) -> Location {
        let files = self.files.borrow();
        files.get(span.file).map_or_else(
            || Location::file(""),
            |(name, text)| Location::of(name, text, &span.range),
        )
    }

    /// Reports a broken rule of a file as a whole.
    pub(crate) fn report_file(
        &self,
        code: Code,
        file: &str,
        message: String,
        help: Option<String>,
    ) {
        self.push(
            0,
            0,
            Diagnostic {
                code,
                message,
                location: Location::file(file),
                help,
            },
        );
    }

    fn push(&self, file: usize, start: usize, diagnostic: Diagnostic) {
        let mut found = self.found.borrow_mut();
        if found.len() < DIAGNOSTICS_MAX {
            found.push((file, start, diagnostic));
        }
    }

    /// Whether a key of a table is stated somewhere, but wrong.
    pub(crate) fn is_wrong(&self, table: &'static str, key: &'static str) -> bool {
        let wrong = self.wrong.borrow();
        wrong.contains(&(table, key)) || wrong.contains(&(table, ANY))
    }

    /// All keys asked for, by table and key: those that templates may have.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> BTreeSet<(&'static str, &'static str)> {
        self.asked.borrow().clone()
    }

    /// Whether nothing was reported.
    pub(crate) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All that was reported, in the order of files and places.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(file, start, diagnostic)| (*file, *start, diagnostic.code));
        // Where many templates extend a broken one, each would say the same.
        found.dedup();
        Diagnostics(
            found
                .into_iter()
                .map(|(_, _, diagnostic)| diagnostic)
                .collect(),
        )
    }
}
