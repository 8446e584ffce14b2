//! `kind = "line"`: a line of a file.
//!
//! ```toml
//! file = "/etc/profile"
//! line = "readonly TMOUT=900 ; export TMOUT"
//! match = "*TMOUT=*"           # optional: lines that it replaces; * is any run of characters
//! # or, with match alone: absent = true, no line fits; present = true, one does, and only the template
//! # knows what it says, so that nothing is written
//! ```
//!
//! Lines are compared without the blanks around them; those that begin with `#` say nothing.

use std::sync::Arc;

use super::text::{add_to_block, drop_empty_block, lines, text};
use super::{Answer, Setting};
use crate::harden::parse::{line, path};
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::{Escaped, ImagePath, name_matches};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    file: ImagePath,
    wanted: Wanted,
    pattern: Option<String>,
}

/// What must hold of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// No line fits the pattern.
    Absent,
    /// One does, whatever it says.
    Present,
    /// This line is there, and no other that fits.
    Text(String),
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("file") {
        table.missing("file", None);
    }
    let file = table.parsed("file", "a file is an absolute, normal path", path);
    let rule = "it is one line without control characters";
    let trimmed = |text: &str| line(text).map(|text| text.trim().to_owned());
    let stated = table.parsed("line", rule, trimmed).map(|at| at.value);
    let pattern = table.parsed("match", rule, trimmed).map(|at| at.value);
    let absent = table.boolean("absent").is_some_and(|at| at.value);
    let present = table.boolean("present").is_some_and(|at| at.value);
    let wanted = match (stated, absent, present) {
        (Some(text), false, false) => Wanted::Text(text),
        (None, true, false) if pattern.is_some() => Wanted::Absent,
        (None, false, true) if pattern.is_some() => Wanted::Present,
        _ => {
            let message =
                "a line states line, or match and one of absent = true and present = true";
            let sink = table.sink();
            sink.report(Code::T012, table.span(), message.to_owned(), None);
            return None;
        }
    };
    Some(Arc::new(Line {
        file: file?.value,
        wanted,
        pattern,
    }))
}

impl Setting for Line {
    fn kind(&self) -> &'static str {
        "line"
    }

    fn about(&self) -> Vec<String> {
        let what = self.pattern.as_deref().or_else(|| self.text());
        vec![format!("line {} {}", self.file, what.unwrap_or_default())]
    }

    fn describe(&self) -> Vec<String> {
        let pattern = self.pattern.as_deref().unwrap_or_default();
        vec![match &self.wanted {
            Wanted::Text(line) => format!("{}: has the line {line:?}", self.file),
            Wanted::Absent => format!("{}: has no line such as {pattern:?}", self.file),
            Wanted::Present => format!("{}: has a line such as {pattern:?}", self.file),
        }]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let content = edit.text(&self.file)?;
        let nothing_to_do = match self.wanted {
            Wanted::Absent => content.is_none(),
            Wanted::Present => true,
            Wanted::Text(_) => false,
        };
        if nothing_to_do {
            return Ok(());
        }
        let content = content.unwrap_or_default();
        let mut all = lines(&content);
        all.retain(|text| !self.is_other(text));
        drop_empty_block(&mut all);
        if let Some(line) = self.text()
            && !all.iter().any(|text| text.trim() == line)
        {
            let end = all.len();
            add_to_block(&mut all, line, 0..end, end);
        }
        let new = text(&all);
        if lines(&new) == lines(&content) && !content.is_empty() {
            return Ok(());
        }
        edit.edit(&self.file, new.into_bytes())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let pattern = self.pattern.as_deref().unwrap_or_default();
        let Some(content) = root.text(&self.file)? else {
            let file = &self.file;
            match &self.wanted {
                Wanted::Text(line) => answer.fail(format!(
                    "{file}: there is no such file; wanted: the line {line:?}"
                )),
                Wanted::Present => answer.fail(format!(
                    "{file}: there is no such file; wanted: a line such as {pattern:?}, by [[files]] of the template"
                )),
                Wanted::Absent => {}
            }
            return Ok(());
        };
        if self.wanted == Wanted::Present {
            if !content.lines().any(|text| self.fits(text)) {
                answer.fail(format!(
                    "{}: has no line such as {pattern:?}; state one by [[files]] of the template",
                    self.file
                ));
            }
            return Ok(());
        }
        for (number, text) in content.lines().enumerate() {
            if self.is_other(text) {
                let wanted = self.text();
                let wanted = wanted.map_or_else(
                    || "no such line".to_owned(),
                    |line| format!("the line {line:?} in its place"),
                );
                answer.fail(format!(
                    "{}:{}: states {}; wanted: {wanted}",
                    self.file,
                    number.saturating_add(1),
                    Escaped(text.trim().as_bytes())
                ));
            }
        }
        if let Some(line) = self.text()
            && !content.lines().any(|text| text.trim() == line)
        {
            answer.fail(format!("{}: does not have the line {line:?}", self.file));
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let content = edit.text(&self.file)?.unwrap_or_default();
        let mut all = lines(&content);
        match &self.wanted {
            Wanted::Text(line) => all.retain(|text| text.trim() != line),
            Wanted::Present => all.retain(|text| !self.fits(text)),
            Wanted::Absent => {
                let pattern = self.pattern.as_ref().unwrap();
                all.push(pattern.replace(['*', '?'], "x"));
            }
        }
        edit.edit(&self.file, text(&all).into_bytes())
    }
}

impl Line {
    /// Whether a line of the file fits the pattern, and is not the one that is wanted.
    fn is_other(&self, text: &str) -> bool {
        self.fits(text) && self.text() != Some(text.trim())
    }

    /// Whether a line fits the pattern.
    fn fits(&self, text: &str) -> bool {
        let text = text.trim();
        let fits = self
            .pattern
            .as_ref()
            .is_some_and(|pattern| name_matches(pattern.as_bytes(), text.as_bytes()));
        fits && !text.starts_with('#')
    }

    /// The line that is wanted.
    fn text(&self) -> Option<&str> {
        match &self.wanted {
            Wanted::Text(text) => Some(text),
            Wanted::Absent | Wanted::Present => None,
        }
    }
}
