//! Strings, words, numbers and truth values.

use toml::de::DeValue;

use super::{At, Reader, Span};
use crate::written::Choice;
use crate::written::diagnostic::Code;
use crate::written::nearest::nearest;

impl Reader<'_> {
    /// A string.
    pub(crate) fn string(&self, key: &'static str) -> Option<At<String>> {
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
    pub(crate) fn parsed<T>(
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
    pub(crate) fn choice<T: Choice>(&self, key: &'static str) -> Option<At<T>> {
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

    pub(super) fn parse_one<T>(
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
    pub(crate) fn boolean(&self, key: &'static str) -> Option<At<bool>> {
        let (value, span) = self.value(key)?;
        if let Some(value) = value.as_bool() {
            return Some(At { value, span });
        }
        self.wrong_type(key, &span, "true or false", value);
        None
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&self, key: &'static str, min: i64, max: i64) -> Option<At<i64>> {
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

    /// A decimal number, whole or not, as it is written.
    pub(crate) fn decimal(&self, key: &'static str) -> Option<At<String>> {
        let (value, span) = self.value(key)?;
        let text = match value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            other => {
                self.wrong_type(key, &span, "a decimal number", other);
                return None;
            }
        };
        Some(At {
            value: text.to_owned(),
            span,
        })
    }

    /// A string, or a whole number as it is written.
    pub(crate) fn text_or_integer(
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
}

pub(super) fn words<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

pub(super) fn from_word<T: Choice>(text: &str) -> Option<T> {
    T::WORDS
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
}
