//! Stanzas and fields of control files (deb822(5), Debian Policy 5.1), borrowed from the text.
//!
//! ```
//! use karat::deb::control::stanzas;
//!
//! let text = "Package: hello\nDescription: greets\n and leaves\n\nPackage: other\n";
//! let first = stanzas(text).next().expect("one stanza");
//! assert_eq!(first.field("package"), Ok(Some("hello")));
//! assert_eq!(first.field("Description"), Ok(Some("greets\n and leaves")));
//! assert_eq!(stanzas(text).count(), 2);
//! ```

use crate::limits;

/// The stanzas of `text`, which empty lines separate.
pub fn stanzas(text: &str) -> Stanzas<'_> {
    Stanzas {
        rest: text,
        offset: 0,
    }
}

/// Iterator over stanzas; see [`stanzas`].
#[derive(Clone, Debug)]
pub struct Stanzas<'a> {
    rest: &'a str,
    offset: usize,
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Stanza<'a>;

    fn next(&mut self) -> Option<Stanza<'a>> {
        let trimmed = self.rest.trim_start_matches('\n');
        let start = self.offset + (self.rest.len() - trimmed.len());
        if trimmed.is_empty() {
            return None;
        }
        let end = trimmed.find("\n\n").unwrap_or(trimmed.len());
        let (text, rest) = trimmed.split_at_checked(end)?;
        self.rest = rest;
        self.offset = start + end;
        Some(Stanza {
            text,
            offset: start,
        })
    }
}

/// One stanza: lines without an empty one between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stanza<'a> {
    /// Its text, without the empty line that ends it.
    pub text: &'a str,
    /// Where it starts in the file, in bytes.
    pub offset: usize,
}

impl<'a> Stanza<'a> {
    /// Its fields, in order.
    pub fn fields(self) -> Fields<'a> {
        Fields {
            text: self.text,
            at: 0,
        }
    }

    /// The value of the field `name`, compared without regard to case. A field that stands twice is
    /// an error.
    pub fn field(self, name: &str) -> Result<Option<&'a str>, ControlError> {
        let mut found = None;
        for field in self.fields() {
            let field = field?;
            if field.name.eq_ignore_ascii_case(name) && found.replace(field.value).is_some() {
                return Err(ControlError::Twice(field.name.to_owned()));
            }
        }
        Ok(found)
    }
}

/// A field of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as it was written.
    pub name: &'a str,
    /// Its value without the blanks around it; continuation lines stand in it as they are.
    pub value: &'a str,
    /// Where the value starts in the stanza, in bytes.
    pub offset: usize,
}

/// Iterator over the fields of one stanza; see [`Stanza::fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let field = self.parse(rest);
        if field.is_err() {
            self.at = self.text.len();
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn parse(&mut self, rest: &'a str) -> Result<Field<'a>, ControlError> {
        if self.at == 0 && self.text.len() > limits::STANZA_MAX {
            return Err(ControlError::TooLong);
        }
        let end = end_of_field(rest);
        let line = rest.get(..end).unwrap_or(rest);
        let name_end = line.bytes().position(|byte| matches!(byte, b':' | b'\n'));
        let (name, value) = name_end
            .and_then(|at| line.split_at_checked(at))
            .filter(|(name, value)| value.starts_with(':') && is_field_name(name))
            .ok_or_else(|| ControlError::NotAField(super::name::excerpt(first_line(line))))?;
        let value = value.get(1..).unwrap_or("");
        let trimmed = value.trim_start_matches([' ', '\t']);
        let offset = self.at + name.len() + 1 + (value.len() - trimmed.len());
        self.at += end + 1;
        Ok(Field {
            name,
            value: trimmed.trim_end_matches([' ', '\t', '\n', '\r']),
            offset,
        })
    }
}

/// Where the field at the start of `text` ends: before a line feed that no blank follows.
fn end_of_field(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find('\n')) {
        let at = from + found;
        if !matches!(bytes.get(at + 1), Some(b' ' | b'\t')) {
            return at;
        }
        from = at + 1;
    }
    text.len()
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or(text)
}

/// deb822(5): printable US-ASCII without colon and blanks, not starting with `#` or `-`.
fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['#', '-'])
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with a control file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A line is neither `Name: value` nor a continuation.
    #[error("the line {0:?} is not a field")]
    NotAField(String),
    /// A field stands twice in one stanza.
    #[error("the field {0} stands twice")]
    Twice(String),
    /// A stanza is longer than [`limits::STANZA_MAX`].
    #[error("the stanza is longer than {} bytes", limits::STANZA_MAX)]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Result<(&str, &str), ControlError>> {
        stanzas(text)
            .flat_map(Stanza::fields)
            .map(|field| field.map(|field| (field.name, field.value)))
            .collect()
    }

    #[test]
    fn fields_and_continuations() {
        let text = "\n\nA: 1\nB:\n x\n\ty\nC:  z \n\n\n\nD: 4\n";
        assert_eq!(
            values(text),
            [
                Ok(("A", "1")),
                Ok(("B", "\n x\n\ty")),
                Ok(("C", "z")),
                Ok(("D", "4"))
            ]
        );
        for stanza in stanzas(text) {
            assert!(text[stanza.offset..].starts_with(stanza.text));
            for field in stanza.fields() {
                let field = field.unwrap();
                assert!(stanza.text[field.offset..].starts_with(field.value));
            }
        }
    }

    #[test]
    fn lines_that_are_not_fields_are_refused() {
        for bad in ["x", " x: y", "a b: c", "-a: b", ": c", "a\nb: c", "#x: y"] {
            assert!(
                matches!(
                    values(bad).as_slice(),
                    [.., Err(ControlError::NotAField(_))]
                ),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_field_twice_is_refused() {
        let stanza = stanzas("A: 1\nB: 2\na: 3\n").next().unwrap();
        assert_eq!(stanza.field("A"), Err(ControlError::Twice("a".to_owned())));
        assert_eq!(stanza.field("b"), Ok(Some("2")));
        assert_eq!(stanza.field("c"), Ok(None));
    }

    #[test]
    fn an_endless_stanza_is_refused() {
        let text = format!("A: {}", "x".repeat(limits::STANZA_MAX));
        assert_eq!(values(&text), [Err(ControlError::TooLong)]);
    }
}
