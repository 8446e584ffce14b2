//! `kind = "sysctl"`: a setting of the kernel, by sysctl.d(5).
//!
//! ```toml
//! name = "net.ipv4.ip_forward"
//! value = "0"                     # or: at_least = 2
//! ```
//!
//! Each rule has a file of its own, `/etc/sysctl.d/60-karat-ID.conf`, which sorts before
//! `60-karat.conf` of `[kernel.sysctl]`: the template wins. A package's file that is read later still
//! (procps of Debian 12 has one) would win as well: its line is changed, in the file itself where that is
//! in `/etc`, else in a copy there, which stands in its place. The check takes the last assignment of the
//! files that systemd-sysctl(8) reads, in their order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Answer, Setting};
use crate::expect::Facts;
use crate::expect::fact::{Sysctl as SysctlFact, SysctlName};
use crate::harden::Owned;
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Root, RuleId, ViewError};
use crate::path::{Escaped, ImagePath, name_matches};
use crate::tree::{Mode, Origin};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// Where systemd-sysctl(8) looks, the first before the others for files of one name.
const DIRECTORIES: [&str; 4] = [
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
];

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sysctl {
    name: SysctlName,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Value(String),
    AtLeast(i64),
}

/// The assignment that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Effective {
    value: String,
    path: ImagePath,
    origin: Option<Origin>,
    /// It names the setting itself, not by a pattern.
    is_plain: bool,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    let name = table.parsed("name", SysctlName::RULE, |text| text.parse().ok());
    if !table.has("name") {
        table.missing("name", None);
    }
    let rule = "a value is one line of printable ASCII";
    let value = table.parsed("value", rule, |text| {
        let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let fits = !text.is_empty() && text.len() <= 255 && text.bytes().all(plain);
        fits.then(|| words(text))
    });
    let at_least = table.integer("at_least", i64::MIN, i64::MAX);
    let wanted = match (value, at_least) {
        (Some(value), None) => Wanted::Value(value.value),
        (None, Some(least)) => Wanted::AtLeast(least.value),
        _ => {
            if table.has("value") == table.has("at_least") {
                let message = "a sysctl states value or at_least, and not both".to_owned();
                table.sink().report(Code::T012, table.span(), message, None);
            }
            return None;
        }
    };
    let name = name?.value;
    Some(Arc::new(Sysctl { name, wanted }))
}

impl Setting for Sysctl {
    fn kind(&self) -> &'static str {
        "sysctl"
    }

    fn about(&self) -> Vec<String> {
        vec![format!("sysctl {}", self.name)]
    }

    fn describe(&self) -> Vec<String> {
        vec![match &self.wanted {
            Wanted::Value(value) => format!("{} = {value}", self.name),
            Wanted::AtLeast(least) => format!("{} is at least {least}", self.name),
        }]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = own_file(edit.rule())?;
        let stands = edit.look(|root| effective(root, &self.name))?;
        if let Some(stands) = stands {
            if self.wanted.holds(&stands.value) {
                return Ok(());
            }
            if let Some(Origin::Template(section)) = &stands.origin {
                edit.conflict(format!(
                    "{}: [{section}] of the template states {} = {}, and wins",
                    Escaped(stands.path.as_bytes()),
                    self.name,
                    Escaped(stands.value.as_bytes())
                ));
                return Ok(());
            }
            if stands.is_plain && stands.path.name() > path.name() {
                return self.correct(edit, &stands.path);
            }
        }
        let old = edit.text(&path)?.unwrap_or_default();
        let mut lines: BTreeMap<String, String> = old
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        lines.insert(self.name.to_string(), self.wanted.to_write());
        let mut text = format!("# Written by karat for the rule {}.\n", edit.rule());
        for (name, value) in lines {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "{name} = {value}");
        }
        edit.put(&path, text.into_bytes(), Owned::root(Mode::FILE))
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let wanted = self.describe().join("; ");
        match effective(root, &self.name)? {
            Some(stands) if self.wanted.holds(&stands.value) => {}
            Some(stands) => answer.fail(format!(
                "{}: sets {} = {}; wanted: {wanted}",
                Escaped(stands.path.as_bytes()),
                self.name,
                Escaped(stands.value.as_bytes())
            )),
            None => answer.fail(format!(
                "no file of sysctl.d(5) sets {}; wanted: {wanted}",
                self.name
            )),
        }
        Ok(())
    }

    fn facts(&self, rule: &RuleId, root: &Root<'_>, facts: &mut Facts) -> Result<(), ViewError> {
        // Where more than one value holds, the one that the files set; where they set none that
        // does, the one that the rule would.
        let stands = effective(root, &self.name)?.map(|stands| stands.value);
        let value = stands.filter(|value| self.wanted.holds(value));
        if facts.sysctl.iter().all(|fact| fact.name != self.name) {
            facts.sysctl.push(SysctlFact {
                name: self.name.clone(),
                origin: rule.origin(),
                value: value.unwrap_or_else(|| self.wanted.to_write()),
            });
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let wrong = match &self.wanted {
            Wanted::Value(value) if value == "7" => "8".to_owned(),
            Wanted::Value(_) => "7".to_owned(),
            Wanted::AtLeast(least) => least.saturating_sub(1).to_string(),
        };
        let path = fixed("/etc/sysctl.d/99-by-hand.conf");
        let text = format!("{}={wrong}\n", self.name);
        edit.put(&path, text.into_bytes(), Owned::root(Mode::FILE))
    }
}

impl Sysctl {
    /// Changes the assignment in a file that is read after the rule's own.
    fn correct(&self, edit: &mut Edit<'_>, file: &ImagePath) -> Result<(), EditError> {
        let etc = fixed("/etc/sysctl.d");
        let own = file.name().and_then(|name| etc.join(name).ok());
        let own = own.unwrap_or_else(|| file.clone());
        let text = edit.look(|root| root.text(file))?.unwrap_or_default();
        let mut new = if own == *file {
            String::new()
        } else {
            // The same whichever rule comes first.
            let place = Escaped(file.as_bytes());
            format!("# In the place of {place}: karat's hardening rules changed it.\n")
        };
        for line in text.lines() {
            if assignment(line).and_then(|(key, _)| key.parse().ok()) == Some(self.name.clone()) {
                // Writing to a String cannot fail.
                let _infallible = writeln!(new, "{} = {}", self.name, self.wanted.to_write());
            } else {
                new.push_str(line);
                new.push('\n');
            }
        }
        if own == *file {
            edit.edit(file, new.into_bytes())
        } else {
            edit.put(&own, new.into_bytes(), Owned::root(Mode::FILE))
        }
    }
}

impl Wanted {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Value(wanted) => words(value) == *wanted,
            Self::AtLeast(least) => number(value).is_some_and(|number| number >= *least),
        }
    }

    fn to_write(&self) -> String {
        match self {
            Self::Value(value) => value.clone(),
            Self::AtLeast(least) => least.to_string(),
        }
    }
}

/// The file of a rule.
fn own_file(rule: &RuleId) -> Result<ImagePath, EditError> {
    ImagePath::parse(format!("/etc/sysctl.d/60-karat-{}.conf", rule.file_stem()))
        .map_err(|error| EditError::Rule(error.to_string()))
}

/// The assignment of `name` that counts: the last one, files being read in the order of their names
/// whatever directory they are in (sysctl.d(5)).
fn effective(root: &Root<'_>, name: &SysctlName) -> Result<Option<Effective>, ViewError> {
    let mut files: BTreeMap<Vec<u8>, ImagePath> = BTreeMap::new();
    for directory in DIRECTORIES.map(fixed) {
        for file in root.names(&directory)? {
            if let (true, Ok(path)) = (file.ends_with(b".conf"), directory.join(&file)) {
                files.entry(file).or_insert(path);
            }
        }
    }
    // A plain setting counts before any pattern does, wherever the two stand.
    let (mut plain, mut pattern) = (None, None);
    for path in files.into_values() {
        let Some(text) = root.text(&path)? else {
            continue;
        };
        for line in text.lines() {
            let Some((key, value)) = assignment(line) else {
                continue;
            };
            let slot = match key.parse::<SysctlName>() {
                Ok(found) if found == *name => &mut plain,
                Err(_) if fits(key, name) => &mut pattern,
                Ok(_) | Err(_) => continue,
            };
            *slot = Some((path.clone(), words(value)));
        }
    }
    let is_plain = plain.is_some();
    let Some((path, value)) = plain.or(pattern) else {
        return Ok(None);
    };
    let origin = root.get(&path)?.and_then(|node| node.origin);
    Ok(Some(Effective {
        value,
        path,
        origin,
        is_plain,
    }))
}

/// What a line of a sysctl.d(5) file assigns to what. `-name` without a value takes the name out of
/// patterns; its value is the kernel's own.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    Some((key.strip_prefix('-').unwrap_or(key).trim(), value))
}

/// Whether the pattern of a sysctl.d(5) file names `name`.
fn fits(pattern: &str, name: &SysctlName) -> bool {
    let dotted = match pattern.find(['.', '/']) {
        Some(at) => pattern.get(at..).is_some_and(|rest| rest.starts_with('.')),
        None => return false,
    };
    let pattern = if dotted {
        pattern.replace('.', "/")
    } else {
        pattern.to_owned()
    };
    name_matches(pattern.as_bytes(), name.relative().as_bytes())
}

/// Runs of blanks count as one, as the kernel prints tabs for what is written with blanks.
fn words(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number as the kernel takes it: decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<i64> {
    match text.trim().strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.trim().parse().ok(),
    }
}
