//! `kind = "line"`: a line of a file.
//!
//! ```toml
//! file = "/etc/profile"
//! line = "readonly TMOUT=900 ; export TMOUT"
//! match = "*TMOUT=*"           # optional: lines that it replaces; * is any run of characters
//! # or: absent = true, with match alone
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
    /// `None`: no line may fit the pattern.
    text: Option<String>,
    pattern: Option<String>,
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
    if absent == stated.is_some() || (absent && pattern.is_none()) {
        let message = "a line states line, or absent = true and match".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    Some(Arc::new(Line {
        file: file?.value,
        text: stated,
        pattern,
    }))
}

impl Setting for Line {
    fn kind(&self) -> &'static str {
        "line"
    }

    fn about(&self) -> Vec<String> {
        let what = self.pattern.as_ref().or(self.text.as_ref());
        vec![format!(
            "line {} {}",
            self.file,
            what.map_or("", String::as_str)
        )]
    }

    fn describe(&self) -> Vec<String> {
        vec![match (&self.text, &self.pattern) {
            (Some(line), _) => format!("{}: has the line {line:?}", self.file),
            (None, pattern) => format!(
                "{}: has no line such as {:?}",
                self.file,
                pattern.as_deref().unwrap_or_default()
            ),
        }]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let content = edit.text(&self.file)?;
        if content.is_none() && self.text.is_none() {
            return Ok(());
        }
        let content = content.unwrap_or_default();
        let mut all = lines(&content);
        all.retain(|text| !self.is_other(text));
        drop_empty_block(&mut all);
        if let Some(line) = &self.text
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
        let Some(content) = root.text(&self.file)? else {
            if let Some(line) = &self.text {
                answer.fail(format!(
                    "{}: there is no such file; wanted: the line {line:?}",
                    self.file
                ));
            }
            return Ok(());
        };
        for (number, text) in content.lines().enumerate() {
            if self.is_other(text) {
                let wanted = self.text.as_ref();
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
        if let Some(line) = &self.text
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
        match (&self.text, &self.pattern) {
            (Some(line), _) => all.retain(|text| text.trim() != line),
            (None, Some(pattern)) => all.push(pattern.replace(['*', '?'], "x")),
            (None, None) => {}
        }
        edit.edit(&self.file, text(&all).into_bytes())
    }
}

impl Line {
    /// Whether a line of the file fits the pattern, and is not the one that is wanted.
    fn is_other(&self, text: &str) -> bool {
        let text = text.trim();
        let fits = self
            .pattern
            .as_ref()
            .is_some_and(|pattern| name_matches(pattern.as_bytes(), text.as_bytes()));
        fits && !text.starts_with('#') && self.text.as_deref() != Some(text)
    }
}
