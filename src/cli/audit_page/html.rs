//! Text that can be nothing but text, and what else is written in many places.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use crate::ops::audit::Who;
use crate::path::Escaped;
use crate::tree::Epoch;

/// A page that grows.
#[derive(Debug, Default)]
pub(in crate::cli) struct Html {
    pub(in crate::cli) text: String,
    /// The entries that have a row, to which links may lead.
    pub(in crate::cli) rows: BTreeSet<u64>,
}

impl Html {
    /// Adds markup; whatever comes from elsewhere stands in it as [`Text`].
    pub(in crate::cli) fn put(&mut self, markup: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _: fmt::Result = self.text.write_fmt(markup);
    }

    /// Adds markup of this program's own.
    pub(in crate::cli) fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// Opens a section with its heading and a sentence about it.
    pub(in crate::cli) fn section(&mut self, id: &str, title: &str, about: &str) {
        self.put(format_args!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n"
        ));
        if !about.is_empty() {
            self.put(format_args!("<p class=\"about\">{about}</p>\n"));
        }
    }

    /// Opens a table that may be wider than the page.
    pub(in crate::cli) fn table(&mut self, id: &str, caption: &str, columns: &[&str]) {
        self.put(format_args!(
            "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\
             <table id=\"{id}\"><caption>{caption}</caption><thead><tr>"
        ));
        for column in columns {
            self.put(format_args!("<th scope=\"col\">{column}</th>"));
        }
        self.raw("</tr></thead>\n<tbody>\n");
    }

    /// The name of an entry, which leads to its row where it has one.
    pub(in crate::cli) fn entry(&self, index: u64) -> String {
        let name = format!("entry {}", Number(index));
        if self.rows.contains(&index) {
            format!("<a href=\"#e{index}\">{name}</a>")
        } else {
            name
        }
    }

    /// Closes a table.
    pub(in crate::cli) fn end_table(&mut self) {
        self.raw("</tbody></table></div>\n");
    }
}

/// Text in HTML, between tags or in a quoted attribute. What would steer a page or a reader stands there
/// as [`Escaped`] shows it; the report's own escapes stay as they are.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Text<'a>(pub(in crate::cli) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Escaping once more would double what the report has escaped.
                '\\' => f.write_char('\\')?,
                other => {
                    let mut buffer = [0; 4];
                    Escaped(other.encode_utf8(&mut buffer).as_bytes()).fmt(f)?;
                }
            }
        }
        Ok(())
    }
}

/// A number with a comma before each three digits.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Number(pub(in crate::cli) u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// A count and what is counted.
pub(in crate::cli) fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        Number(number),
        if number == 1 { one } else { many }
    )
}

/// A time that somebody else named, in UTC.
pub(in crate::cli) fn time(seconds: u64) -> String {
    match Epoch::new(seconds) {
        Ok(epoch) => {
            let text = epoch.rfc3339();
            let short: String = text.chars().take(16).collect();
            let short = short.replace('T', "\u{a0}");
            format!("<time datetime=\"{text}\">{short}</time>")
        }
        Err(_) => format!("{} s", Number(seconds)),
    }
}

/// A digest by its beginning; all of it where one points.
pub(in crate::cli) fn digest(digest: &impl fmt::Display) -> String {
    let whole = digest.to_string();
    let short: String = whole.chars().take(12).collect();
    format!("<code title=\"{whole}\">{short}</code>")
}

/// Somebody with a key: the name, and the key's id by its beginning.
pub(in crate::cli) fn who(who: &Who) -> String {
    let mut text = String::new();
    if let Some(name) = &who.name {
        text = format!("<bdi>{}</bdi> ", Text(name));
    }
    match &who.key {
        Some(key) => text.push_str(&digest(key)),
        None if who.name.is_none() => text.push_str("nobody that is known"),
        None => {}
    }
    text
}

/// Several of them.
pub(in crate::cli) fn people(people: &[Who]) -> String {
    if people.is_empty() {
        return "nobody".to_owned();
    }
    let all: Vec<String> = people.iter().map(who).collect();
    all.join(", ")
}

/// At most `most` characters of a text, for places of one size.
pub(in crate::cli) fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if short.len() < text.len() {
        short.pop();
        short.push('\u{2026}');
    }
    short
}
