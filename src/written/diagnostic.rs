//! What is wrong with a template, and where.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::path::Escaped;

/// Declares the codes with their titles, so that no code stands there twice.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $title:literal;)*) => {
        /// A rule that templates keep; a code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The rule in a few words, as the table in `docs/formats/template.md` has it.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)*
                }
            }
        }
    };
}

codes! {
    /// The file cannot be read, is too large, or is not UTF-8.
    T001 "template cannot be read";
    /// Not TOML.
    T002 "not TOML";
    /// A key that no section has.
    T003 "unknown key";
    /// A string where a list is wanted, and the like.
    T004 "wrong type";
    /// A key that must be there.
    T005 "missing key";
    /// A value outside its key's rule.
    T006 "value not allowed";
    /// A template that extends itself, directly or not.
    T007 "extends in a circle";
    /// A chain of `extends` beyond the cap.
    T008 "extends too deep";
    /// A parent that cannot be read.
    T009 "parent cannot be read";
    /// `!name` where nothing of that name is inherited.
    T010 "removes nothing";
    /// The same item twice in one file.
    T011 "stated twice";
    /// Keys of which exactly one must be there, or that exclude each other.
    T012 "keys that do not go together";
    /// A source that is absolute or has `..`.
    T013 "source outside of the template's directory";
    /// A source that cannot be read or is too large.
    T014 "source cannot be read";
    /// Two statements that cannot both hold.
    T015 "statements that contradict each other";
    /// More items or bytes than the cap.
    T016 "too much";
    /// A value that a later version may know.
    T017 "part of another output";
    /// A hardening rule that no catalogue has.
    T018 "unknown rule";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Which rule.
    pub code: Code,
    /// The rule and the fact that breaks it.
    pub message: String,
    /// Where.
    pub location: Location,
    /// What to do.
    pub help: Option<String>,
}

/// A place in a template file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The column, from 1, in characters; 0 where the file as a whole is meant.
    pub column: usize,
    /// How many characters of the line are meant.
    pub length: usize,
    /// The line itself, shortened if it is very long.
    pub text: String,
}

/// All that is wrong with a template, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// Longest part of a source line that is shown, in characters.
const EXCERPT_MAX: usize = 160;

impl Location {
    /// A file as a whole.
    pub fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            length: 0,
            text: String::new(),
        }
    }

    /// The place of the bytes `range` in `text`; a range over several lines is cut at the first.
    pub fn of(file: &str, text: &str, range: &Range<usize>) -> Self {
        let start = floor(text, range.start);
        let end = floor(text, range.end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let rest = text.get(line_start..).unwrap_or_default();
        let line_text = rest.lines().next().unwrap_or_default();
        let lead = text.get(line_start..start).unwrap_or_default();
        let meant = text.get(start..end).unwrap_or_default();
        let column = lead.chars().count().saturating_add(1);
        let length = meant.lines().next().unwrap_or_default().chars().count();
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count().saturating_add(1),
            column,
            length: length.max(1),
            text: line_text.chars().take(EXCERPT_MAX).collect(),
        }
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.to_string();
        self.location
            .write(f, &code, &self.message, self.help.as_deref())
    }
}

impl Location {
    /// Writes what is wrong there as compilers do it: code and message, the place, the line, a
    /// caret, help.
    ///
    /// # Errors
    /// Those of the formatter.
    pub fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        code: &str,
        message: &str,
        help: Option<&str>,
    ) -> fmt::Result {
        let place = self;
        let file = Escaped(place.file.as_bytes());
        writeln!(f, "{code}: {}", Escaped(message.as_bytes()))?;
        if place.line == 0 {
            write!(f, "  --> {file}")?;
        } else {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            writeln!(f, "{margin}--> {file}:{}:{}", place.line, place.column)?;
            writeln!(f, "{margin} |")?;
            let (line, lead, meant) = excerpt(place);
            writeln!(f, "{number} | {line}")?;
            write!(f, "{margin} | {}{}", " ".repeat(lead), "^".repeat(meant))?;
        }
        if let Some(help) = help {
            write!(f, "\n  = help: {}", Escaped(help.as_bytes()))?;
        }
        Ok(())
    }
}

/// The line as shown, and how wide what comes before the place and the place itself are in it.
///
/// Tabs become four blanks, control characters are escaped, so that the caret stands right and a
/// template cannot steer the terminal.
fn excerpt(place: &Location) -> (String, usize, usize) {
    let shown = |text: &str| {
        let mut out = String::new();
        for part in text.split_inclusive('\t') {
            let (part, tab) = part
                .strip_suffix('\t')
                .map_or((part, ""), |part| (part, "    "));
            // A backslash is an ordinary character of TOML: only what is unsafe is escaped.
            for piece in part.split_inclusive('\\') {
                let (piece, slash) = piece
                    .strip_suffix('\\')
                    .map_or((piece, ""), |piece| (piece, "\\"));
                out.push_str(&Escaped(piece.as_bytes()).to_string());
                out.push_str(slash);
            }
            out.push_str(tab);
        }
        out
    };
    let lead_end = place.column.saturating_sub(1);
    let lead: String = place.text.chars().take(lead_end).collect();
    let meant: String = place
        .text
        .chars()
        .skip(lead_end)
        .take(place.length)
        .collect();
    (
        shown(&place.text),
        shown(&lead).chars().count(),
        shown(&meant).chars().count().max(1),
    )
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_place() {
        let text = "a = 1\n\tß = \"x\" # é\n";
        let at = text.find("\"x\"").unwrap();
        let diagnostic = Diagnostic {
            code: Code::T006,
            message: "no".to_owned(),
            location: Location::of("t.toml", text, &(at..at + 3)),
            help: Some("do".to_owned()),
        };
        assert_eq!(
            diagnostic.to_string(),
            "T006: no\n --> t.toml:2:6\n  |\n2 |     ß = \"x\" # é\n  |         ^^^\n  = help: do"
        );
    }

    #[test]
    fn terminal_escapes_in_a_template_stay_text() {
        let text = "name = \"\u{1b}[2J\u{202e}\"";
        let shown = Diagnostic {
            code: Code::T002,
            message: "\u{1b}]0;x".to_owned(),
            location: Location::of("\u{7}.toml", text, &(0..4)),
            help: None,
        }
        .to_string();
        assert!(
            !shown
                .chars()
                .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
        );
    }

    #[test]
    fn ranges_beyond_the_text_and_inside_of_characters_are_harmless() {
        let backwards = Range { start: 2, end: 1 };
        for range in [0..0, 1..2, backwards, 5..99, 99..100] {
            drop(Location::of("f", "ää\nb", &range));
        }
        assert_eq!(Location::of("f", "", &(0..9)).line, 1);
    }
}
