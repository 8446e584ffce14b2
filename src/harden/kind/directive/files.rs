//! All files that a program reads for one directive, and which statement counts.

use std::collections::BTreeMap;

use super::syntax::Syntax;
use crate::harden::{Root, ViewError};
use crate::path::{Glob, ImagePath};

/// What was found of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Whether the file itself is there.
    pub(super) exists: bool,
    /// All statements, in the order in which they are read.
    pub(super) statements: Vec<Stated>,
}

/// A statement and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) path: ImagePath,
    /// From 1.
    pub(super) line: usize,
    pub(super) value: String,
    /// Whether it is for some cases only.
    pub(super) scoped: bool,
    /// Whether the program takes it; where the order is not the same for all readers, all count.
    pub(super) counts: bool,
}

/// Most files that one directive is looked for in: real systems have a handful.
const FILES_MAX: usize = 1_000;

/// Deepest nesting of includes: what sshd allows.
const DEPTH_MAX: usize = 16;

pub(super) fn found(
    root: &Root<'_>,
    syntax: Syntax,
    file: &ImagePath,
    section: Option<&str>,
    key: &str,
) -> Result<Found, ViewError> {
    let mut search = Search {
        root,
        syntax,
        section,
        key,
        files: 0,
        found: Found::default(),
    };
    search.found.exists = root.text(file)?.is_some();
    search.read(file, false, 0)?;
    match syntax {
        Syntax::Ini => {
            for path in drop_ins(root, file, &SYSTEMD)? {
                search.read(&path, false, 0)?;
            }
        }
        Syntax::Equals | Syntax::Shell | Syntax::Spaces => {
            for path in drop_ins(root, file, &[])? {
                search.read(&path, false, 0)?;
            }
        }
        Syntax::Sshd | Syntax::Sudoers => {}
    }
    let mut found = search.found;
    // The first of sshd, the last of systemd counts; of the others all must hold, for not all of
    // their readers agree on an order.
    let plain = |stated: &&mut Stated| !stated.scoped;
    match syntax {
        Syntax::Sshd => {
            let others = found.statements.iter_mut().filter(plain).skip(1);
            others.for_each(|stated| stated.counts = false);
        }
        Syntax::Ini => {
            let others = found.statements.iter_mut().filter(plain).rev().skip(1);
            others.for_each(|stated| stated.counts = false);
        }
        Syntax::Equals | Syntax::Shell | Syntax::Spaces | Syntax::Sudoers => {}
    }
    Ok(found)
}

/// The drop-in that is read after all others, where drop-ins of other origin override the file.
pub(super) fn drop_in_for(syntax: Syntax, file: &ImagePath) -> Option<ImagePath> {
    if syntax != Syntax::Ini {
        return None;
    }
    let directory = ImagePath::parse([file.as_bytes(), b".d"].concat()).ok()?;
    directory.join("zz-karat.conf").ok()
}

/// Where systemd looks for drop-ins, below which directory the file's name then stands.
const SYSTEMD: [(&str, &str); 3] = [
    ("/etc/systemd", "/run/systemd"),
    ("/etc/systemd", "/usr/local/lib/systemd"),
    ("/etc/systemd", "/usr/lib/systemd"),
];

/// The files `FILE.d/*.conf`, by name, those of `/etc` before others of their name.
fn drop_ins(
    root: &Root<'_>,
    file: &ImagePath,
    elsewhere: &[(&str, &str)],
) -> Result<Vec<ImagePath>, ViewError> {
    let Ok(own) = ImagePath::parse([file.as_bytes(), b".d"].concat()) else {
        return Ok(Vec::new());
    };
    let mut directories = vec![own.clone()];
    for (here, there) in elsewhere {
        let rest = own.as_bytes().strip_prefix(here.as_bytes());
        let path = rest.map(|rest| [there.as_bytes(), rest].concat());
        directories.extend(path.and_then(|path| ImagePath::parse(path).ok()));
    }
    let mut files: BTreeMap<Vec<u8>, ImagePath> = BTreeMap::new();
    for directory in directories {
        for name in root.names(&directory)? {
            if let (true, Ok(path)) = (name.ends_with(b".conf"), directory.join(&name)) {
                files.entry(name).or_insert(path);
            }
        }
    }
    Ok(files.into_values().collect())
}

struct Search<'a, 'v> {
    root: &'a Root<'v>,
    syntax: Syntax,
    section: Option<&'a str>,
    key: &'a str,
    files: usize,
    found: Found,
}

impl Search<'_, '_> {
    /// Reads a file and, at their lines, what it includes.
    fn read(&mut self, path: &ImagePath, scoped: bool, depth: usize) -> Result<(), ViewError> {
        self.files = self.files.saturating_add(1);
        if self.files > FILES_MAX || depth > DEPTH_MAX {
            return Err(ViewError::new(path, "too many files include each other"));
        }
        let Some(content) = self.root.text(path)? else {
            return Ok(());
        };
        let statements = self.syntax.statements(&content, self.section, self.key);
        let mut statements = statements.into_iter().peekable();
        let includes = self.syntax.includes(&content);
        let mut includes = includes.into_iter().peekable();
        loop {
            let before = match (statements.peek(), includes.peek()) {
                (None, None) => return Ok(()),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(statement), Some(include)) => statement.line < include.line,
            };
            if before {
                if let Some(statement) = statements.next() {
                    self.found.statements.push(Stated {
                        path: path.clone(),
                        line: statement.line.saturating_add(1),
                        value: statement.value,
                        scoped: scoped || statement.scoped,
                        counts: true,
                    });
                }
            } else if let Some(include) = includes.next() {
                for file in self.included(path, &include)? {
                    self.read(&file, scoped || include.scoped, depth.saturating_add(1))?;
                }
            }
        }
    }

    fn included(
        &self,
        from: &ImagePath,
        include: &super::syntax::Include,
    ) -> Result<Vec<ImagePath>, ViewError> {
        let base = match self.syntax {
            Syntax::Sshd => ImagePath::parse("/etc/ssh").ok(),
            _ => from.parent(),
        };
        let text = if include.what.starts_with('/') {
            include.what.clone()
        } else {
            format!("{}/{}", base.unwrap_or_else(ImagePath::root), include.what)
        };
        if include.directory {
            let Ok(directory) = ImagePath::parse(text.trim_end_matches('/')) else {
                return Ok(Vec::new());
            };
            // sudoers(5): names with a dot or a tilde at the end are left out.
            let names = self.root.names(&directory)?.into_iter();
            let names = names.filter(|name| !name.contains(&b'.') && !name.ends_with(b"~"));
            return Ok(names.filter_map(|name| directory.join(name).ok()).collect());
        }
        let Ok(glob) = Glob::parse(&text) else {
            return Err(ViewError::new(from, "it includes what cannot be a path"));
        };
        let found = self.root.glob(&glob)?;
        Ok(found.into_iter().map(|(path, _)| path).collect())
    }
}
