//! `kind = "package"`: packages that are installed.
//!
//! ```toml
//! present = ["auditd", "libpam-pwquality"]    # and, or instead:
//! one_of = ["chrony", "systemd-timesyncd"]    # exactly one
//! ```
//!
//! Packages come from the template's `packages`: a rule installs nothing.

use std::sync::Arc;

use super::{Answer, Setting};
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// What must be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packages {
    present: Vec<String>,
    one_of: Vec<String>,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    let present = names(table, "present");
    let one_of = names(table, "one_of");
    if present.is_empty() && one_of.len() < 2 {
        let message = "a package setting states present, or two or more in one_of".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    Some(Arc::new(Packages { present, one_of }))
}

/// Names of packages, which may have `*` for any run of characters.
pub(super) fn names(table: &Reader<'_>, key: &'static str) -> Vec<String> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.*".contains(&byte);
    let mut names = Vec::new();
    for text in table.strings(key) {
        let fits = (1..=255).contains(&text.value.len()) && text.value.bytes().all(plain);
        if fits && !names.contains(&text.value) {
            names.push(text.value);
        } else {
            let message = format!("{:?} is no package's name, or stated twice", text.value);
            table.sink().report(Code::T006, &text.span, message, None);
        }
    }
    names
}

impl Setting for Packages {
    fn kind(&self) -> &'static str {
        "package"
    }

    fn about(&self) -> Vec<String> {
        let names = self.present.iter().chain(&self.one_of);
        let mut about: Vec<String> = names.map(|name| format!("package {name}")).collect();
        about.sort();
        about.dedup();
        about
    }

    fn describe(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .present
            .iter()
            .map(|name| format!("the package {name} is installed"))
            .collect();
        if !self.one_of.is_empty() {
            let names = self.one_of.join(", ");
            lines.push(format!("exactly one of the packages {names} is installed"));
        }
        lines
    }

    fn apply(&self, _edit: &mut Edit<'_>) -> Result<(), EditError> {
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        for name in &self.present {
            if super::absent::installed(root, name)?.is_empty() {
                answer.fail(format!(
                    "the package {name} is not installed; add it to packages of the template"
                ));
            }
        }
        if !self.one_of.is_empty() {
            let mut found = Vec::new();
            for name in &self.one_of {
                found.extend(super::absent::installed(root, name)?);
            }
            let names = self.one_of.join(", ");
            match found.as_slice() {
                [_] => {}
                [] => answer.fail(format!(
                    "none of the packages {names} is installed; add one to packages of the template"
                )),
                more => answer.fail(format!(
                    "the packages {} are all installed, where there should be one of {names}",
                    more.join(", ")
                )),
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let (name, wanted) = match self.present.first() {
            Some(name) => (name.clone(), false),
            None => (self.one_of.join("\n"), true),
        };
        if wanted {
            for name in name.lines() {
                super::absent::by_hand(edit, name, true)?;
            }
            return Ok(());
        }
        super::absent::by_hand(edit, &name, false)
    }
}
