//! A table: its keys, the tables in it, and the keys that nobody asked for.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::sink::ANY;
use super::{At, Sink, Span};
use crate::limits;
use crate::written::diagnostic::Code;
use crate::written::nearest::nearest;

/// Plain keys of the template itself: often written below a `[table]` by mistake.
const TOP_KEYS: &[&str] = &["extends", "packages"];

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    pub(super) table: Option<&'t DeTable<'t>>,
    /// The table's own name, for messages: `[image]`.
    pub(super) name: &'static str,
    pub(super) span: Span,
    pub(super) asked: RefCell<Vec<&'static str>>,
    pub(super) sink: &'t Sink,
}

impl<'t> Reader<'t> {
    /// Reads `table`, or nothing where there is none: all keys are then absent.
    pub(crate) fn new(
        table: Option<&'t DeTable<'t>>,
        name: &'static str,
        span: Span,
        sink: &'t Sink,
    ) -> Self {
        Self {
            table,
            name,
            span,
            asked: RefCell::default(),
            sink,
        }
    }

    /// The place of the whole table.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Where diagnostics go.
    pub(crate) fn sink(&self) -> &'t Sink {
        self.sink
    }

    /// The place of a key's value.
    pub(crate) fn place(&self, key: &str) -> Option<Span> {
        let value = self.table?.get(key)?;
        Some(self.at(value.span()))
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    pub(super) fn value(&self, key: &'static str) -> Option<(&'t DeValue<'t>, Span)> {
        self.asked.borrow_mut().push(key);
        #[cfg(test)]
        self.sink.asked.borrow_mut().insert((self.name, key));
        let value = self.table?.get(key)?;
        Some((value.get_ref(), self.at(value.span())))
    }

    pub(super) fn at(&self, range: Range<usize>) -> Span {
        Span {
            file: self.span.file,
            range,
        }
    }

    pub(super) fn wrong_type(&self, key: &str, span: &Span, wanted: &str, value: &DeValue<'_>) {
        let message = format!("{key} must be {wanted}, not {}", type_name(value));
        self.sink.report(Code::T004, span, message, None);
    }

    pub(super) fn is_too_long(&self, key: &str, span: &Span, length: usize) -> bool {
        let too_long = length > limits::TEMPLATE_ITEMS_MAX;
        if too_long {
            let max = limits::TEMPLATE_ITEMS_MAX;
            let message = format!("{key} has {length} items, more than {max}");
            self.sink.report(Code::T016, span, message, None);
        }
        too_long
    }

    /// A table; where it is absent, one in which all keys are absent.
    pub(crate) fn table(&self, key: &'static str, name: &'static str) -> Self {
        match self.value(key) {
            None => Self::new(None, name, self.span.clone(), self.sink),
            Some((value, span)) => {
                if value.as_table().is_none() {
                    self.wrong_type(key, &span, "a table", value);
                    self.sink.wrong.borrow_mut().insert((name, ANY));
                }
                Self::new(value.as_table(), name, span, self.sink)
            }
        }
    }

    /// A list of tables (`[[key]]`).
    pub(crate) fn tables(&self, key: &'static str, name: &'static str) -> Vec<Self> {
        let Some((value, span)) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.as_array() else {
            self.wrong_type(key, &span, "a list of tables", value);
            return Vec::new();
        };
        if self.is_too_long(key, &span, array.len()) {
            return Vec::new();
        }
        let mut tables = Vec::new();
        for item in array {
            let span = self.at(item.span());
            match item.get_ref().as_table() {
                Some(table) => tables.push(Self::new(Some(table), name, span, self.sink)),
                None => self.wrong_type(key, &span, "a list of tables", item.get_ref()),
            }
        }
        tables
    }

    /// `true`, `false`, or a table.
    pub(crate) fn boolean_or_table(
        &self,
        key: &'static str,
        name: &'static str,
    ) -> Option<Result<At<bool>, Self>> {
        let (value, span) = self.value(key)?;
        match value {
            DeValue::Boolean(value) => Some(Ok(At {
                value: *value,
                span,
            })),
            DeValue::Table(table) => Some(Err(Self::new(Some(table), name, span, self.sink))),
            other => {
                self.wrong_type(key, &span, "true, false or a table", other);
                None
            }
        }
    }

    /// Reports `key` missing, at the table's own place.
    pub(crate) fn missing(&self, key: &str, help: Option<String>) {
        let message = format!("{} needs {key}", self.name);
        self.sink.report(Code::T005, &self.span, message, help);
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            if asked.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let message = format!("unknown key {:?} in {}", key.get_ref(), self.name);
            let help = match nearest(key.get_ref(), &asked) {
                _ if TOP_KEYS.contains(&key.get_ref().as_ref()) => {
                    "keys of the template itself stand above its first [table]".to_owned()
                }
                Some(word) => format!("did you mean {word:?}?"),
                None => {
                    let mut known = asked.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("{} has the keys {}", self.name, known.join(", "))
                }
            };
            let span = self.at(key.span());
            self.sink.report(Code::T003, &span, message, Some(help));
        }
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Array(_) => "a list",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Float(_) => "a fraction",
        DeValue::Integer(_) => "a number",
        DeValue::String(_) => "a string",
        DeValue::Table(_) => "a table",
    }
}
