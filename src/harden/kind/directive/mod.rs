//! `kind = "directive"`: a key and its value in a file of configuration, once and in its right place.
//!
//! ```toml
//! file = "/etc/ssh/sshd_config"
//! syntax = "sshd"              # equals | ini | shell | spaces | sshd | sudoers
//! section = "Journal"          # ini only
//! key = "PermitRootLogin"
//! value = "no"                 # or one_of, at_least, at_most, absent = true, present = true
//! place = "before-include"     # optional: top | bottom | before-include
//! ```
//!
//! | file | what |
//! |---|---|
//! | `syntax` | lines that state something, in each way of writing |
//! | `wanted` | which values hold |
//! | `files` | the file, what it includes, its drop-ins: all that the program reads, in order |

mod files;
mod syntax;
mod wanted;

use std::sync::Arc;

use self::files::{Found, drop_in_for, found};
use self::syntax::{Place, Syntax};
use self::wanted::Wanted;
use super::{Answer, Setting};
use crate::harden::parse::path;
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Directive {
    file: ImagePath,
    syntax: Syntax,
    section: Option<String>,
    key: String,
    wanted: Wanted,
    place: Place,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    for key in ["file", "syntax", "key"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let file = table.parsed("file", "a file is an absolute, normal path", path);
    let syntax = table.choice::<Syntax>("syntax");
    let word = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let fits = !text.is_empty() && text.len() <= 128 && text.bytes().all(plain);
        fits.then(|| text.to_owned())
    };
    let rule = "it is one word of A-Z a-z 0-9 _ . -";
    let key = table.parsed("key", rule, word);
    let section = table.parsed("section", rule, word);
    let place = table.choice::<Place>("place");
    let wanted = wanted::parse(table);
    let (syntax, key) = (syntax?.value, key?.value);
    if (syntax == Syntax::Ini) != section.is_some() {
        let message = "syntax = \"ini\" needs section, and no other has one".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    Some(Arc::new(Directive {
        file: file?.value,
        section: section.map(|at| at.value),
        key,
        wanted: wanted?,
        place: place.map_or_else(|| syntax.place(), |at| at.value),
        syntax,
    }))
}

impl Setting for Directive {
    fn kind(&self) -> &'static str {
        "directive"
    }

    fn about(&self) -> Vec<String> {
        let section = self.section.as_ref();
        let section = section.map_or_else(String::new, |name| format!("[{name}] "));
        vec![format!(
            "directive {} {section}{}",
            self.file,
            self.key.to_ascii_lowercase()
        )]
    }

    fn describe(&self) -> Vec<String> {
        let section = self.section.as_ref();
        let section = section.map_or_else(String::new, |name| format!(", [{name}]"));
        let wanted = self.wanted.describe();
        vec![format!("{}{section}: {} {wanted}", self.file, self.key)]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        if self.holds(&edit.look(|root| self.found(root))?) {
            return Ok(());
        }
        let content = edit.text(&self.file)?.unwrap_or_default();
        let section = self.section.as_deref();
        if let Some(value) = self.wanted.to_write() {
            let text = self
                .syntax
                .set(&content, section, &self.key, &value, self.place);
            edit.edit(&self.file, text.into_bytes())?;
        }
        // What is left states otherwise in files that are read as well.
        let left = edit.look(|root| self.found(root))?;
        if self.holds(&left) {
            return Ok(());
        }
        let own = drop_in_for(self.syntax, &self.file);
        if let (Some(own), Some(value)) = (own, self.wanted.to_write()) {
            let content = edit.text(&own)?.unwrap_or_default();
            let text = self
                .syntax
                .set(&content, section, &self.key, &value, self.place);
            return edit.edit(&own, text.into_bytes());
        }
        for statement in left
            .statements
            .iter()
            .filter(|it| it.counts && !self.fits(it))
        {
            let content = edit.text(&statement.path)?.unwrap_or_default();
            let text = self.syntax.without(&content, section, &self.key);
            edit.edit(&statement.path, text.into_bytes())?;
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let found = self.found(root)?;
        let wanted = format!("{} {}", self.key, self.wanted.describe());
        if !found.exists && self.wanted != Wanted::Absent {
            answer.fail(format!(
                "{}: there is no such file; wanted: {wanted}",
                self.file
            ));
            return Ok(());
        }
        for statement in found
            .statements
            .iter()
            .filter(|it| it.counts && !self.fits(it))
        {
            let place = if statement.scoped {
                ", for some cases"
            } else {
                ""
            };
            answer.fail(format!(
                "{}:{}: states {} {}{place}; wanted: {wanted}",
                Escaped(statement.path.as_bytes()),
                statement.line,
                self.key,
                Escaped(statement.value.as_bytes())
            ));
        }
        let stated = found.statements.iter().any(|it| it.counts && !it.scoped);
        if !stated && self.wanted != Wanted::Absent {
            answer.fail(format!(
                "{}: does not state {}; wanted: {wanted}",
                self.file, self.key
            ));
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let content = edit.text(&self.file)?.unwrap_or_default();
        let section = self.section.as_deref();
        let text = match self.syntax {
            // A tag of a rule of its own.
            Syntax::Sudoers if self.wanted == Wanted::Absent => {
                format!(
                    "{content}somebody ALL=(ALL) {}: ALL\nDefaults {}\n",
                    self.key, self.key
                )
            }
            Syntax::Ini if self.wanted != Wanted::Any && self.wanted != Wanted::Absent => {
                let path = ImagePath::parse(format!("{}.d/zzz-by-hand.conf", self.file)).unwrap();
                let wrong = self.wanted.wrong();
                let text = format!("[{}]\n{}={wrong}\n", section.unwrap(), self.key);
                return edit.edit(&path, text.into_bytes());
            }
            _ => {
                let wrong = self.wanted.wrong();
                let text = self
                    .syntax
                    .set(&content, section, &self.key, &wrong, self.place);
                if self.wanted == Wanted::Any {
                    self.syntax.without(&content, section, &self.key)
                } else {
                    text
                }
            }
        };
        edit.edit(&self.file, text.into_bytes())
    }
}

impl Directive {
    fn found(&self, root: &Root<'_>) -> Result<Found, ViewError> {
        found(
            root,
            self.syntax,
            &self.file,
            self.section.as_deref(),
            &self.key,
        )
    }

    fn fits(&self, statement: &files::Stated) -> bool {
        self.wanted.holds(&statement.value)
    }

    fn holds(&self, found: &Found) -> bool {
        let counting = found.statements.iter().filter(|it| it.counts);
        let stated = counting.clone().any(|it| !it.scoped);
        let wanted = self.wanted == Wanted::Absent || (found.exists && stated);
        wanted && counting.clone().all(|it| self.fits(it))
    }
}
