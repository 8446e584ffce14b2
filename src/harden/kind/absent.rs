//! `kind = "absent"`: paths and packages that are not there.
//!
//! ```toml
//! paths = ["/etc/cron.deny", "/root/.rhosts"]   # globs; removed
//! packages = ["telnet*", "rsh-client"]          # globs; only looked for
//! ```

use std::sync::Arc;

use super::package::names;
use super::{Answer, Phase, Setting};
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::{Glob, name_matches};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// What must not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Absent {
    paths: Vec<Glob>,
    packages: Vec<String>,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    let paths = globs(table, "paths");
    let packages = names(table, "packages");
    if paths.is_empty() && packages.is_empty() {
        let message = "an absent setting states paths or packages".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    Some(Arc::new(Absent { paths, packages }))
}

/// Patterns of paths.
pub(super) fn globs(table: &Reader<'_>, key: &'static str) -> Vec<Glob> {
    let mut globs = Vec::new();
    for text in table.strings(key) {
        match Glob::parse(&text.value) {
            Ok(glob) if !globs.contains(&glob) => globs.push(glob),
            Ok(_) => {
                let message = format!("{:?} is stated twice", text.value);
                table.sink().report(Code::T011, &text.span, message, None);
            }
            Err(error) => {
                let message = format!("{:?} is not allowed: {error}", text.value);
                table.sink().report(Code::T006, &text.span, message, None);
            }
        }
    }
    globs
}

/// The installed packages that fit a pattern.
pub(super) fn installed(root: &Root<'_>, pattern: &str) -> Result<Vec<String>, ViewError> {
    let names = root.packages()?.keys();
    let fits = |name: &&String| name_matches(pattern.as_bytes(), name.as_bytes());
    Ok(names.filter(fits).cloned().collect())
}

impl Setting for Absent {
    fn kind(&self) -> &'static str {
        "absent"
    }

    fn about(&self) -> Vec<String> {
        let paths = self
            .paths
            .iter()
            .map(|glob| format!("path {}", glob.as_str()));
        let packages = self.packages.iter().map(|name| format!("package {name}"));
        let mut about: Vec<String> = paths.chain(packages).collect();
        about.sort();
        about
    }

    fn describe(&self) -> Vec<String> {
        let paths = self
            .paths
            .iter()
            .map(|glob| format!("{} is absent", glob.as_str()));
        let packages = self.packages.iter();
        let packages = packages.map(|name| format!("the package {name} is not installed"));
        paths.chain(packages).collect()
    }

    fn phase(&self) -> Phase {
        Phase::Stat
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        for glob in &self.paths {
            for (path, _) in edit.look(|root| root.glob(glob))? {
                edit.remove(&path)?;
            }
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        for glob in &self.paths {
            for (path, _) in root.glob(glob)? {
                answer.fail(format!("{}: is there; remove it", path.display()));
            }
        }
        for pattern in &self.packages {
            for name in installed(root, pattern)? {
                answer.fail(format!(
                    "the package {name} is installed; take it out of the template's packages, and \
                     what depends on it"
                ));
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        use crate::harden::Owned;
        use crate::path::ImagePath;
        use crate::tree::Mode;
        if let Some(glob) = self.paths.first() {
            let path = glob.as_str().replace("**", "x").replace(['*', '?'], "x");
            let path = ImagePath::parse(path).unwrap();
            return edit.put(&path, b"by hand\n".to_vec(), Owned::root(Mode::FILE));
        }
        by_hand(edit, &self.packages[0].replace('*', ""), true)
    }
}

/// Marks a package as installed, or as removed.
#[cfg(test)]
pub(super) fn by_hand(edit: &mut Edit<'_>, name: &str, there: bool) -> Result<(), EditError> {
    let path = crate::harden::root::fixed("/var/lib/dpkg/status");
    let text = edit.text(&path)?.unwrap_or_default();
    let header = format!("Package: {name}\n");
    let mut stanzas: Vec<String> = text
        .split("\n\n")
        .map(|stanza| stanza.trim_matches('\n').to_owned())
        .filter(|stanza| !stanza.is_empty() && !format!("{stanza}\n").contains(&header))
        .collect();
    if there {
        stanzas.push(format!(
            "Package: {name}\nStatus: install ok installed\nVersion: 1"
        ));
    }
    edit.edit(&path, format!("{}\n", stanzas.join("\n\n")).into_bytes())
}
