//! How files state directives, one line each.

use crate::written::Choice;

use super::super::text::{add_to_block, drop_empty_block, lines, text, unquoted, words};

/// The ways in which files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `key = value`, or `key` alone: pwquality.conf(5), faillock.conf(5).
    Equals,
    /// `[section]`, `key=value`: systemd-system.conf(5).
    Ini,
    /// `key=value` as sh reads it, with or without `export` or `readonly`.
    Shell,
    /// `key value`: login.defs(5).
    Spaces,
    /// `Key value`, the first statement counts, `Include`, `Match` blocks: `sshd_config(5)`.
    Sshd,
    /// `Defaults key`, `Defaults !key`, `Defaults key=value`; a key in capitals is a tag of a rule,
    /// `NOPASSWD`: sudoers(5).
    Sudoers,
}

impl Choice for Syntax {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("equals", Self::Equals),
        ("ini", Self::Ini),
        ("shell", Self::Shell),
        ("spaces", Self::Spaces),
        ("sshd", Self::Sshd),
        ("sudoers", Self::Sudoers),
    ];
}

/// Where a new statement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the first line that includes other files; at the top where none does.
    BeforeInclude,
    /// At the end.
    Bottom,
    /// At the top.
    Top,
}

impl Choice for Place {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("before-include", Self::BeforeInclude),
        ("bottom", Self::Bottom),
        ("top", Self::Top),
    ];
}

/// A statement of the key that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The line, from 0.
    pub(super) line: usize,
    /// The value; empty where the key stands alone.
    pub(super) value: String,
    /// Whether it counts for some cases only: in a `Match` block, `Defaults:user`.
    pub(super) scoped: bool,
}

/// A line that includes other files, with what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) line: usize,
    pub(super) what: String,
    /// Whether it stands in a `Match` block.
    pub(super) scoped: bool,
    /// Whether it names a directory.
    pub(super) directory: bool,
}

impl Syntax {
    /// Where new statements go, if the rule does not say.
    pub(super) fn place(self) -> Place {
        match self {
            Self::Sshd | Self::Sudoers => Place::BeforeInclude,
            Self::Equals | Self::Ini | Self::Shell | Self::Spaces => Place::Bottom,
        }
    }

    /// All statements of `key` in a text, in order.
    pub(super) fn statements(
        self,
        content: &str,
        section: Option<&str>,
        key: &str,
    ) -> Vec<Statement> {
        let mut found = Vec::new();
        let (mut in_match, mut here) = (false, section.is_none());
        for (line, raw) in content.lines().enumerate() {
            let code = raw.trim();
            if code.is_empty() || code.starts_with('#') {
                continue;
            }
            if self == Self::Ini {
                if code.starts_with(';') {
                    continue;
                }
                if let Some(name) = code
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                {
                    here = section == Some(name);
                    continue;
                }
            }
            if self == Self::Sshd && keyword(code).0.eq_ignore_ascii_case("match") {
                in_match = !keyword(code).1.eq_ignore_ascii_case("all");
                continue;
            }
            let Some((value, scoped)) = self.value(code, key) else {
                continue;
            };
            if here {
                let scoped = scoped || in_match;
                found.push(Statement {
                    line,
                    value,
                    scoped,
                });
            }
        }
        found
    }

    /// The value that a line states of `key`, and whether only for some cases.
    fn value(self, code: &str, key: &str) -> Option<(String, bool)> {
        match self {
            Self::Equals | Self::Ini => {
                let (name, value) = code.split_once('=').unwrap_or((code, ""));
                (name.trim() == key).then(|| (words(value), false))
            }
            Self::Shell => {
                let mut code = code;
                for word in ["export ", "readonly ", "declare -x ", "declare -r "] {
                    code = code.strip_prefix(word).map_or(code, str::trim_start);
                }
                let (name, value) = code.split_once('=')?;
                let value = unquoted(value.split(" #").next().unwrap_or_default());
                (name == key).then(|| (words(value.trim_end_matches(';')), false))
            }
            Self::Spaces => {
                let (name, value) = keyword(code);
                let value = value.split(" #").next().unwrap_or_default();
                (name == key).then(|| (words(value), false))
            }
            Self::Sshd => {
                let (name, value) = keyword(code);
                let value = value.split(" #").next().unwrap_or_default();
                name.eq_ignore_ascii_case(key)
                    .then(|| (words(unquoted(value)), false))
            }
            Self::Sudoers => sudoers_value(code, key),
        }
    }

    /// The files that a text includes, in order.
    pub(super) fn includes(self, content: &str) -> Vec<Include> {
        let mut found = Vec::new();
        let mut scoped = false;
        for (line, raw) in content.lines().enumerate() {
            let code = raw.trim();
            match self {
                Self::Sshd => {
                    let (name, rest) = keyword(code);
                    if name.eq_ignore_ascii_case("match") {
                        scoped = !rest.eq_ignore_ascii_case("all");
                    } else if name.eq_ignore_ascii_case("include") {
                        for what in rest.split_whitespace() {
                            let what = unquoted(what).to_owned();
                            let directory = false;
                            found.push(Include {
                                line,
                                what,
                                scoped,
                                directory,
                            });
                        }
                    }
                }
                Self::Sudoers => {
                    let directory = ["@includedir", "#includedir"];
                    let file = ["@include", "#include"];
                    let (name, what) = keyword(code);
                    if directory.contains(&name) || file.contains(&name) {
                        found.push(Include {
                            line,
                            what: unquoted(what).to_owned(),
                            scoped,
                            directory: directory.contains(&name),
                        });
                    }
                }
                Self::Equals | Self::Ini | Self::Shell | Self::Spaces => return found,
            }
        }
        found
    }

    /// The text with `key` stated once, as `value`, in its place; other statements of it that count
    /// for all cases are gone.
    pub(super) fn set(
        self,
        content: &str,
        section: Option<&str>,
        key: &str,
        value: &str,
        place: Place,
    ) -> String {
        let content = self.without(content, section, key);
        let line = self.spell(key, value);
        let mut all = lines(&content);
        if let Some(section) = section {
            let (from, to) = section_of(&mut all, section);
            add_to_block(&mut all, &line, from..to, from);
            return text(&all);
        }
        let new = match place {
            Place::Top => 0,
            Place::Bottom => all.len(),
            Place::BeforeInclude => match self.includes(&content).first() {
                Some(include) => include.line,
                None if self == Self::Sudoers => all.len(),
                None => 0,
            },
        };
        let end = all.len();
        add_to_block(&mut all, &line, 0..end, new);
        text(&all)
    }

    /// The text without statements of `key` that count for all cases.
    pub(super) fn without(self, content: &str, section: Option<&str>, key: &str) -> String {
        let statements = self.statements(content, section, key);
        if statements.is_empty() {
            return content.to_owned();
        }
        let is_tag = self == Self::Sudoers && is_tag(key);
        let mut all = lines(content);
        for statement in statements.iter().rev() {
            if is_tag {
                if let Some(line) = all.get_mut(statement.line) {
                    *line = line
                        .replace(&format!("{key}: "), "")
                        .replace(&format!("{key}:"), "");
                }
            } else if !statement.scoped && statement.line < all.len() {
                all.remove(statement.line);
            }
        }
        drop_empty_block(&mut all);
        text(&all)
    }

    /// A line that states it.
    fn spell(self, key: &str, value: &str) -> String {
        match (self, value) {
            (Self::Equals, "") => key.to_owned(),
            (Self::Equals, value) => format!("{key} = {value}"),
            (Self::Ini, value) => format!("{key}={value}"),
            (Self::Shell, value) => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:,+@".contains(&byte);
                if value.bytes().all(plain) {
                    format!("{key}={value}")
                } else {
                    format!("{key}=\"{value}\"")
                }
            }
            (Self::Spaces | Self::Sshd, value) => format!("{key} {value}"),
            (Self::Sudoers, "yes") => format!("Defaults {key}"),
            (Self::Sudoers, "no") => format!("Defaults !{key}"),
            (Self::Sudoers, value) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("Defaults {key}={value}")
            }
            (Self::Sudoers, value) => format!("Defaults {key}=\"{value}\""),
        }
    }
}

/// The first word of a line and the rest; `=` may stand between them (`sshd_config(5)`).
fn keyword(code: &str) -> (&str, &str) {
    let end = code.find(|c: char| c.is_whitespace() || c == '=');
    let (name, rest) = code.split_at(end.unwrap_or(code.len()));
    let rest = rest.trim_start();
    (name, rest.strip_prefix('=').unwrap_or(rest).trim())
}

/// Keys in capitals are tags of rules.
fn is_tag(key: &str) -> bool {
    key.bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// What a line of sudoers(5) says of an option or tag.
fn sudoers_value(code: &str, key: &str) -> Option<(String, bool)> {
    if is_tag(key) {
        let has = code.contains(&format!("{key}:")) && !code.starts_with("Defaults");
        return has.then(|| ("yes".to_owned(), false));
    }
    let rest = code.strip_prefix("Defaults")?;
    let scoped = !rest.starts_with(|c: char| c.is_whitespace());
    let options = if scoped {
        rest.split_once(char::is_whitespace)?.1
    } else {
        rest
    };
    let mut found = None;
    for option in split_options(options) {
        let (is_off, option) = match option.strip_prefix('!') {
            Some(option) => (true, option.trim()),
            None => (false, option),
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name.trim_end_matches(['+', '-']).trim(), unquoted(value)),
            None => (option, "yes"),
        };
        if name == key {
            found = Some(if is_off {
                "no".to_owned()
            } else {
                words(value)
            });
        }
    }
    found.map(|value| (value, scoped))
}

/// The options of a `Defaults` line: commas in quotes do not separate.
fn split_options(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.map(str::trim).collect()
}

/// The lines of a section, made at the end where there is none.
fn section_of(all: &mut Vec<String>, section: &str) -> (usize, usize) {
    let header = format!("[{section}]");
    let is_header = |line: &String| line.trim().starts_with('[') && line.trim().ends_with(']');
    if let Some(at) = all.iter().position(|line| line.trim() == header) {
        let from = at.saturating_add(1);
        let rest = all.iter().skip(from);
        let to = rest.take_while(|line| !is_header(line)).count();
        return (from, from.saturating_add(to));
    }
    // Sections that rules made stand at the end, by name, so that their order says nothing.
    let mut at = all.len();
    for (index, line) in all.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| all.get(index));
        let ours = before.is_some_and(|line| line == OWN_SECTION);
        if ours && line.as_str() > header.as_str() {
            at = index.saturating_sub(1);
            break;
        }
    }
    all.splice(at..at, [OWN_SECTION.to_owned(), header]);
    let from = at.saturating_add(2);
    (from, from)
}

/// The line before a section that rules made.
const OWN_SECTION: &str = "# A section for karat's hardening rules.";
