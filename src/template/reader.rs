//! Reading TOML tables key by key: values with their places, and a list of what was not asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::limits;

use super::diagnostic::{Code, Diagnostic, Diagnostics, Location};
use super::nearest::nearest;

/// A place: which file of the chain, which bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) file: usize,
    pub(super) range: Range<usize>,
}

/// A value and the place that states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

impl<T> At<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: change(self.value),
            span: self.span,
        }
    }
}

/// An item of a list: stated, or an inherited one removed by `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item<T> {
    Add(T),
    Remove(String),
}

/// The texts of the chain, and everything found wrong with them.
#[derive(Debug, Default)]
pub(super) struct Sink {
    files: RefCell<Vec<(String, String)>>,
    found: RefCell<Vec<(usize, usize, Diagnostic)>>,
    /// Keys that are stated, by table and key, but wrong: they are not missing as well.
    wrong: RefCell<BTreeSet<(&'static str, &'static str)>>,
    /// All keys asked for, by table and key.
    #[cfg(test)]
    asked: RefCell<BTreeSet<(&'static str, &'static str)>>,
}

/// Plain keys of the template itself: often written below a `[table]` by mistake.
const TOP_KEYS: &[&str] = &["extends", "packages"];

/// In the place of a key: the whole table is wrong.
const ANY: &str = "*";

/// Most diagnostics of one run: a file of nonsense would give one for each of its lines.
const DIAGNOSTICS_MAX: usize = 100;

impl Sink {
    /// Adds a file of the chain; its number is what [`Span::file`] holds.
    pub(super) fn add_file(&self, name: &str, text: &str) -> usize {
        let mut files = self.files.borrow_mut();
        files.push((name.to_owned(), text.to_owned()));
        files.len().saturating_sub(1)
    }

    /// Reports a broken rule at a place.
    pub(super) fn report(&self, code: Code, span: &Span, message: String, help: Option<String>) {
        let files = self.files.borrow();
        let location = files.get(span.file).map_or_else(
            || Location::file(""),
            |(name, text)| Location::of(name, text, &span.range),
        );
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

    /// Reports a broken rule of a file as a whole.
    pub(super) fn report_file(
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
    pub(super) fn is_wrong(&self, table: &'static str, key: &'static str) -> bool {
        let wrong = self.wrong.borrow();
        wrong.contains(&(table, key)) || wrong.contains(&(table, ANY))
    }

    /// All keys asked for, by table and key: those that templates may have.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<(&'static str, &'static str)> {
        self.asked.borrow().clone()
    }

    /// Whether nothing was reported.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// All that was reported, in the order of files and places.
    pub(super) fn into_diagnostics(self) -> Diagnostics {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(file, start, diagnostic)| (*file, *start, diagnostic.code));
        Diagnostics(
            found
                .into_iter()
                .map(|(_, _, diagnostic)| diagnostic)
                .collect(),
        )
    }
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    table: Option<&'t DeTable<'t>>,
    /// The table's own name, for messages: `[image]`.
    name: &'static str,
    span: Span,
    asked: RefCell<Vec<&'static str>>,
    sink: &'t Sink,
}

impl<'t> Reader<'t> {
    /// Reads `table`, or nothing where there is none: all keys are then absent.
    pub(super) fn new(
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
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Where diagnostics go.
    pub(super) fn sink(&self) -> &'t Sink {
        self.sink
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    fn value(&self, key: &'static str) -> Option<(&'t DeValue<'t>, Span)> {
        self.asked.borrow_mut().push(key);
        #[cfg(test)]
        self.sink.asked.borrow_mut().insert((self.name, key));
        let value = self.table?.get(key)?;
        Some((value.get_ref(), self.at(value.span())))
    }

    fn at(&self, range: Range<usize>) -> Span {
        Span {
            file: self.span.file,
            range,
        }
    }

    fn wrong_type(&self, key: &str, span: &Span, wanted: &str, value: &DeValue<'_>) {
        let message = format!("{key} must be {wanted}, not {}", type_name(value));
        self.sink.report(Code::T004, span, message, None);
    }

    fn is_too_long(&self, key: &str, span: &Span, length: usize) -> bool {
        let too_long = length > limits::TEMPLATE_ITEMS_MAX;
        if too_long {
            let max = limits::TEMPLATE_ITEMS_MAX;
            let message = format!("{key} has {length} items, more than {max}");
            self.sink.report(Code::T016, span, message, None);
        }
        too_long
    }

    /// A string.
    pub(super) fn string(&self, key: &'static str) -> Option<At<String>> {
        let (value, span) = self.value(key)?;
        if let Some(text) = value.as_str() {
            return Some(At {
                value: text.to_owned(),
                span,
            });
        }
        self.wrong_type(key, &span, "a string", value);
        self.checked(key, None, span)
    }

    /// A string that `parse` takes; `rule` says what it takes.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<At<T>> {
        let text = self.string(key)?;
        let value = self.parse_one(&text, rule, &[], parse);
        self.checked(key, value, text.span)
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: super::Choice>(&self, key: &'static str) -> Option<At<T>> {
        let text = self.string(key)?;
        let words = words::<T>();
        let rule = format!("{key} is one of {}", words.join(", "));
        let value = self.parse_one(&text, &rule, &words, from_word);
        self.checked(key, value, text.span)
    }

    /// The value with its place; where there is none, a note that the key is stated but wrong.
    fn checked<T>(&self, key: &'static str, value: Option<T>, span: Span) -> Option<At<T>> {
        if value.is_none() {
            self.sink.wrong.borrow_mut().insert((self.name, key));
        }
        value.map(|value| At { value, span })
    }

    fn parse_one<T>(
        &self,
        text: &At<String>,
        rule: &str,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(&text.value);
        if value.is_none() {
            let help = nearest(&text.value, words).map(|word| format!("did you mean {word:?}?"));
            let message = format!("{:?} is not allowed: {rule}", text.value);
            self.sink.report(Code::T006, &text.span, message, help);
        }
        value
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Option<At<bool>> {
        let (value, span) = self.value(key)?;
        if let Some(value) = value.as_bool() {
            return Some(At { value, span });
        }
        self.wrong_type(key, &span, "true or false", value);
        None
    }

    /// A whole number from `min` to `max`.
    pub(super) fn integer(&self, key: &'static str, min: i64, max: i64) -> Option<At<i64>> {
        let (value, span) = self.value(key)?;
        let Some(integer) = value.as_integer() else {
            self.wrong_type(key, &span, "a whole number", value);
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (min..=max).contains(number));
        if number.is_none() {
            let message = format!("{key} lies between {min} and {max}");
            self.sink.report(Code::T006, &span, message, None);
        }
        self.checked(key, number, span)
    }

    /// A string, or a whole number as it is written.
    pub(super) fn text_or_integer(
        &self,
        key: &'static str,
        wanted: &str,
    ) -> Option<At<(String, u32)>> {
        let (value, span) = self.value(key)?;
        if let Some(text) = value.as_str() {
            return Some(At {
                value: (text.to_owned(), 0),
                span,
            });
        }
        if let Some(integer) = value.as_integer() {
            return Some(At {
                value: (integer.as_str().to_owned(), integer.radix()),
                span,
            });
        }
        self.wrong_type(key, &span, wanted, value);
        None
    }

    /// A list of strings, each of which `parse` takes or which starts with `!`.
    pub(super) fn list<T>(
        &self,
        key: &'static str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<At<Item<T>>> {
        self.items(key, rule, &[], parse)
    }

    /// A list of words of a closed set, or such words after `!`.
    pub(super) fn choices<T: super::Choice>(&self, key: &'static str) -> Vec<At<Item<T>>> {
        let words = words::<T>();
        let rule = format!("{key} are of {}", words.join(", "));
        self.items(key, &rule, &words, from_word)
    }

    fn items<T>(
        &self,
        key: &'static str,
        rule: &str,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<At<Item<T>>> {
        let mut items = Vec::new();
        for text in self.strings(key) {
            if let Some(name) = text.value.strip_prefix('!') {
                let name = name.to_owned();
                items.push(text.map(|_| Item::Remove(name)));
            } else if let Some(value) = self.parse_one(&text, rule, words, &parse) {
                items.push(text.map(|_| Item::Add(value)));
            }
        }
        items
    }

    /// A list of strings.
    pub(super) fn strings(&self, key: &'static str) -> Vec<At<String>> {
        let Some((value, span)) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.as_array() else {
            self.wrong_type(key, &span, "a list of strings", value);
            return Vec::new();
        };
        if self.is_too_long(key, &span, array.len()) {
            return Vec::new();
        }
        let mut strings = Vec::new();
        for item in array {
            let span = self.at(item.span());
            match item.get_ref().as_str() {
                Some(text) => strings.push(At {
                    value: text.to_owned(),
                    span,
                }),
                None => self.wrong_type(key, &span, "a list of strings", item.get_ref()),
            }
        }
        strings
    }

    /// A table; where it is absent, one in which all keys are absent.
    pub(super) fn table(&self, key: &'static str, name: &'static str) -> Self {
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
    pub(super) fn tables(&self, key: &'static str, name: &'static str) -> Vec<Self> {
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

    /// A table with free keys, whose values are strings or whole numbers.
    pub(super) fn pairs(&self, key: &'static str) -> Vec<(At<String>, At<String>)> {
        let Some((value, span)) = self.value(key) else {
            return Vec::new();
        };
        let Some(table) = value.as_table() else {
            self.wrong_type(key, &span, "a table", value);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        self.collect_pairs(table, "", &mut pairs);
        pairs
    }

    /// `net.ipv4.x = 1` and `"net.ipv4.x" = 1` mean the same: tables in tables are joined by dots.
    /// The parser has bounded how deep they go.
    fn collect_pairs(
        &self,
        table: &'t DeTable<'t>,
        prefix: &str,
        pairs: &mut Vec<(At<String>, At<String>)>,
    ) {
        for (key, value) in table {
            let span = self.at(value.span());
            let name = format!("{prefix}{}", key.get_ref());
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Table(table) => {
                    self.collect_pairs(table, &format!("{name}."), pairs);
                    continue;
                }
                other => {
                    let wanted = "a string or a decimal number";
                    self.wrong_type(&name, &span, wanted, other);
                    continue;
                }
            };
            let name = At {
                value: name,
                span: self.at(key.span()),
            };
            pairs.push((name, At { value: text, span }));
        }
    }

    /// `true`, `false`, or a table.
    pub(super) fn boolean_or_table(
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
    pub(super) fn missing(&self, key: &str, help: Option<String>) {
        let message = format!("{} needs {key}", self.name);
        self.sink.report(Code::T005, &self.span, message, help);
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
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

fn words<T: super::Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

fn from_word<T: super::Choice>(text: &str) -> Option<T> {
    T::WORDS
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
}
