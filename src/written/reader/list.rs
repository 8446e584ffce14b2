//! Lists, and tables with free keys.

use toml::de::{DeTable, DeValue};

use super::scalar::{from_word, words};
use super::{At, Item, Reader, Span};
use crate::written::Choice;

impl<'t> Reader<'t> {
    /// A list of strings, each of which `parse` takes or which starts with `!`.
    pub(crate) fn list<T>(
        &self,
        key: &'static str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<At<Item<T>>> {
        self.items(key, rule, &[], parse)
    }

    /// A list of words of a closed set, or such words after `!`.
    pub(crate) fn choices<T: Choice>(&self, key: &'static str) -> Vec<At<Item<T>>> {
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
    pub(crate) fn strings(&self, key: &'static str) -> Vec<At<String>> {
        match self.value(key) {
            Some((value, span)) => self.texts(key, value, &span),
            None => Vec::new(),
        }
    }

    fn texts(&self, key: &str, value: &DeValue<'_>, span: &Span) -> Vec<At<String>> {
        let Some(array) = value.as_array() else {
            self.wrong_type(key, span, "a list of strings", value);
            return Vec::new();
        };
        if self.is_too_long(key, span, array.len()) {
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

    /// A string, or a list of strings.
    pub(crate) fn string_or_strings(
        &self,
        key: &'static str,
    ) -> Option<At<Result<String, Vec<At<String>>>>> {
        let (value, span) = self.value(key)?;
        if let Some(text) = value.as_str() {
            return Some(At {
                value: Ok(text.to_owned()),
                span,
            });
        }
        if value.as_array().is_none() {
            self.wrong_type(key, &span, "a string or a list of strings", value);
            return None;
        }
        Some(At {
            value: Err(self.strings(key)),
            span,
        })
    }

    /// A table with free keys, whose values are strings or whole numbers.
    pub(crate) fn pairs(&self, key: &'static str) -> Vec<(At<String>, At<String>)> {
        self.pairs_of(key, false)
    }

    /// As [`Reader::pairs`]; values may be fractions too.
    pub(crate) fn fractions(&self, key: &'static str) -> Vec<(At<String>, At<String>)> {
        self.pairs_of(key, true)
    }

    /// A table with free keys, whose values are lists of strings.
    pub(crate) fn lists(&self, key: &'static str) -> Vec<(At<String>, Vec<At<String>>)> {
        let Some((value, span)) = self.value(key) else {
            return Vec::new();
        };
        let Some(table) = value.as_table() else {
            self.wrong_type(key, &span, "a table of lists", value);
            return Vec::new();
        };
        let mut lists = Vec::new();
        for (name, value) in table {
            let texts = self.texts(name.get_ref(), value.get_ref(), &self.at(value.span()));
            let name = At {
                value: name.get_ref().to_string(),
                span: self.at(name.span()),
            };
            lists.push((name, texts));
        }
        lists
    }

    fn pairs_of(&self, key: &'static str, fractions: bool) -> Vec<(At<String>, At<String>)> {
        let Some((value, span)) = self.value(key) else {
            return Vec::new();
        };
        let Some(table) = value.as_table() else {
            self.wrong_type(key, &span, "a table", value);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        self.collect_pairs(table, "", fractions, &mut pairs);
        pairs
    }

    /// `net.ipv4.x = 1` and `"net.ipv4.x" = 1` mean the same: tables in tables are joined by dots.
    /// The parser has bounded how deep they go.
    fn collect_pairs(
        &self,
        table: &'t DeTable<'t>,
        prefix: &str,
        fractions: bool,
        pairs: &mut Vec<(At<String>, At<String>)>,
    ) {
        for (key, value) in table {
            let span = self.at(value.span());
            let name = format!("{prefix}{}", key.get_ref());
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Float(number) if fractions => number.as_str().to_owned(),
                DeValue::Table(table) => {
                    self.collect_pairs(table, &format!("{name}."), fractions, pairs);
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
}
