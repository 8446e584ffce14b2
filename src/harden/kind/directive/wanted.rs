//! Which values a directive may have.

use super::super::text::words;
use crate::harden::parse::line;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No statement of the key.
    Absent,
    /// Some value, whatever it is.
    Any,
    /// One of these, the first being written; never empty.
    OneOf(Vec<String>),
    /// A number, or a time, between these.
    Range {
        least: Option<i64>,
        most: Option<i64>,
    },
}

const RULE: &str = "a value is one line without control characters";

/// Reads `value`, `one_of`, `at_least`, `at_most`, `absent` or `present`.
pub(super) fn parse(table: &Reader<'_>) -> Option<Wanted> {
    let value = table.parsed("value", RULE, |text| {
        (text.is_empty() || line(text).is_some()).then(|| words(text))
    });
    let one_of: Vec<String> = table
        .strings("one_of")
        .into_iter()
        .map(|at| words(&at.value))
        .collect();
    let least = table
        .integer("at_least", i64::MIN, i64::MAX)
        .map(|at| at.value);
    let most = table
        .integer("at_most", i64::MIN, i64::MAX)
        .map(|at| at.value);
    let absent = table.boolean("absent").is_some_and(|at| at.value);
    let present = table.boolean("present").is_some_and(|at| at.value);
    let mut found = Vec::new();
    if let Some(value) = value {
        found.push(Wanted::OneOf(vec![value.value]));
    }
    if !one_of.is_empty() {
        found.push(Wanted::OneOf(one_of));
    }
    if least.is_some() || most.is_some() {
        found.push(Wanted::Range { least, most });
    }
    if absent {
        found.push(Wanted::Absent);
    }
    if present {
        found.push(Wanted::Any);
    }
    if let (Some(wanted), true) = (found.pop(), found.is_empty()) {
        return Some(wanted);
    }
    let message = "a directive states one of value, one_of, at_least with or without at_most, \
                   absent = true and present = true";
    let sink = table.sink();
    sink.report(Code::T012, table.span(), message.to_owned(), None);
    None
}

impl Wanted {
    /// Whether a stated value is one of them.
    pub(super) fn holds(&self, value: &str) -> bool {
        match self {
            Self::Absent => false,
            Self::Any => !value.trim().is_empty(),
            Self::OneOf(values) => values.contains(&words(value)),
            Self::Range { least, most } => number(value).is_some_and(|number| {
                least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
            }),
        }
    }

    /// What is written where nothing that holds is stated; `None` where nobody can know.
    pub(super) fn to_write(&self) -> Option<String> {
        match self {
            Self::Absent | Self::Any => None,
            Self::OneOf(values) => values.first().cloned(),
            Self::Range { least, most } => most.or(*least).map(|number| number.to_string()),
        }
    }

    /// In words, after the key.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Absent => "is not stated".to_owned(),
            Self::Any => "is stated".to_owned(),
            Self::OneOf(values) => match values.as_slice() {
                [one] if one.is_empty() => "is stated".to_owned(),
                [one] => format!("is {one}"),
                many => format!("is one of {}", many.join(", ")),
            },
            Self::Range { least, most } => match (least, most) {
                (Some(least), Some(most)) => format!("lies between {least} and {most}"),
                (Some(least), None) => format!("is at least {least}"),
                (None, Some(most)) => format!("is at most {most}"),
                (None, None) => String::new(),
            },
        }
    }

    /// A value that does not hold.
    #[cfg(test)]
    pub(super) fn wrong(&self) -> String {
        match self {
            Self::Absent | Self::Any => "x".to_owned(),
            Self::OneOf(values) => {
                let wrong = ["no", "yes", "7", "8"].into_iter();
                let mut wrong = wrong.filter(|text| !values.contains(&(*text).to_owned()));
                wrong.next().unwrap_or("9").to_owned()
            }
            Self::Range { least, most } => match (most, least) {
                (Some(most), _) => most.saturating_add(1).to_string(),
                (None, least) => least.unwrap_or(0).saturating_sub(1).to_string(),
            },
        }
    }
}

/// A number, or a time such as `1m30s` in seconds (`sshd_config(5)`, systemd.time(7)).
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (mut total, mut digits) = (0_i64, String::new());
    let mut rest = text.chars().peekable();
    rest.peek()?;
    while let Some(character) = rest.next() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if character == ' ' {
            continue;
        }
        let mut unit = String::from(character);
        while let Some(next) = rest.next_if(char::is_ascii_alphabetic) {
            unit.push(next);
        }
        let factor = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" | "hr" => 3600,
            "d" | "day" => 86_400,
            "w" | "week" => 604_800,
            _ => return None,
        };
        let part: i64 = digits.parse().ok()?;
        total = total.checked_add(part.checked_mul(factor)?)?;
        digits.clear();
    }
    digits.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times() {
        for (text, expected) in [
            ("60", Some(60)),
            ("-1", Some(-1)),
            ("1m30s", Some(90)),
            ("15min", Some(900)),
            ("1h", Some(3600)),
            ("m", None),
            ("5x", None),
            ("5m5", None),
            ("", None),
            ("99999999999999999999", None),
            ("9999999999999999w", None),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }
}
