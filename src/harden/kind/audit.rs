//! `kind = "audit"`: rules of the audit system, in `/etc/audit/rules.d` (augenrules(8), audit.rules(7)).
//!
//! ```toml
//! file = "50-identity.rules"
//! lines = ["-w /etc/passwd -p wa -k identity"]    # and, or instead:
//! privileged = true                               # a rule for each set-id program of the image
//! last = true                                     # the lines stand after all others: "-e 2"
//! ```
//!
//! A rule that is loaded twice keeps all after it from loading: a line that stands in any file already
//! is not written again. Files are read in natural order; `-e` counts after all others. Blanks do not matter, and neither does a slash at the end of a path.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::setid::programs;
use super::{Answer, Phase, Setting};
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Owned, Root, ViewError};
use crate::path::ImagePath;
use crate::tree::Mode;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// Where augenrules(8) looks.
const DIRECTORY: &str = "/etc/audit/rules.d";

/// Rules that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Audit {
    file: String,
    lines: Vec<String>,
    privileged: bool,
    last: bool,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("file") {
        table.missing("file", None);
    }
    let rule = "a file of audit rules is of a-z 0-9 - and ends in .rules";
    let file = table.parsed("file", rule, |text| {
        let stem = text.strip_suffix(".rules")?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=64).contains(&stem.len()) && stem.bytes().all(plain);
        fits.then(|| text.to_owned())
    });
    let (mut lines, mut stated) = (Vec::new(), BTreeSet::new());
    for text in table.strings("lines") {
        let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let fits = text.value.starts_with('-') && text.value.len() <= 1024;
        if fits && text.value.bytes().all(plain) && !stated.contains(&normal(&text.value)) {
            stated.insert(normal(&text.value));
            let words: Vec<&str> = text.value.split_whitespace().collect();
            lines.push(words.join(" "));
        } else {
            let message = format!(
                "{:?} is no rule of auditctl(8), or stated twice",
                text.value
            );
            table.sink().report(Code::T006, &text.span, message, None);
        }
    }
    let privileged = table.boolean("privileged").is_some_and(|at| at.value);
    let last = table.boolean("last").is_some_and(|at| at.value);
    if lines.is_empty() && !privileged {
        let message = "an audit setting states lines, or privileged = true".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    Some(Arc::new(Audit {
        file: file?.value,
        lines,
        privileged,
        last,
    }))
}

impl Audit {
    fn path(&self) -> ImagePath {
        let directory = fixed(DIRECTORY);
        directory.join(&self.file).unwrap_or(directory)
    }

    /// All lines that must be there, in order.
    fn wanted(&self, root: &Root<'_>) -> Result<Vec<String>, ViewError> {
        let mut lines = self.lines.clone();
        if self.privileged {
            lines.extend(programs(root)?.iter().filter_map(privileged));
        }
        Ok(lines)
    }

    /// Whether nothing counts after the lines. augenrules(8) loads settings of the whole system (`-b`,
    /// `-f`) before all rules, and `-e` after them, the last one counting, wherever they stand.
    fn is_last(&self, lines: &[String]) -> bool {
        let is_lock = |line: &&String| line.starts_with("-e ");
        let is_setting = |line: &&String| {
            ["-D", "-b ", "-e ", "-f ", "-r ", "--"]
                .iter()
                .any(|start| line.starts_with(start))
        };
        let own: Vec<String> = self.lines.iter().map(|line| normal(line)).collect();
        let locks: Vec<&String> = own.iter().filter(is_lock).collect();
        let rules: Vec<&String> = own.iter().filter(|it| !is_setting(it)).collect();
        let all_locks: Vec<&String> = lines.iter().filter(is_lock).collect();
        let all_rules: Vec<&String> = lines.iter().filter(|it| !is_setting(it)).collect();
        all_locks.ends_with(&locks) && all_rules.ends_with(&rules)
    }
}

/// The rule for a program that runs as its owner: each start of it by somebody who logged in. `None`
/// where the name has a character that the file cannot hold.
fn privileged(path: &ImagePath) -> Option<String> {
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| {
        format!(
            "-a always,exit -F path={text} -F perm=x -F auid>=1000 -F auid!=unset -k privileged"
        )
    })
}

/// A rule with single blanks, and without slashes at the ends of its words.
fn normal(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let cut = word.trim_end_matches('/');
        if cut.is_empty() || cut.ends_with('=') {
            word
        } else {
            cut
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// All rules in the order in which they are loaded, but those of `except`.
fn loaded(root: &Root<'_>, except: Option<&ImagePath>) -> Result<Vec<String>, ViewError> {
    let directory = fixed(DIRECTORY);
    let mut files = root.names(&directory)?;
    files.sort_by_key(|name| natural(name));
    let mut lines = Vec::new();
    for name in files.iter().filter(|name| name.ends_with(b".rules")) {
        let Ok(path) = directory.join(name) else {
            continue;
        };
        if Some(&path) == except {
            continue;
        }
        for line in root.text(&path)?.unwrap_or_default().lines() {
            let line = normal(line);
            if !line.is_empty() && !line.starts_with('#') {
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

/// A key that sorts names as `ls -v` does, which augenrules(8) uses: runs of digits by their value.
fn natural(name: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let mut parts: Vec<(Vec<u8>, u64)> = vec![(Vec::new(), 0)];
    let mut in_number = false;
    for byte in name {
        let is_digit = byte.is_ascii_digit();
        if in_number && !is_digit {
            parts.push((Vec::new(), 0));
        }
        in_number = is_digit;
        if let Some((text, number)) = parts.last_mut() {
            if is_digit {
                let digit = u64::from(byte.saturating_sub(b'0'));
                *number = number.saturating_mul(10).saturating_add(digit);
            } else {
                text.push(*byte);
            }
        }
    }
    parts
}

impl Setting for Audit {
    fn kind(&self) -> &'static str {
        "audit"
    }

    fn about(&self) -> Vec<String> {
        let mut about: Vec<String> = self
            .lines
            .iter()
            .map(|it| format!("audit {}", normal(it)))
            .collect();
        if self.privileged {
            about.push("audit of set-id programs".to_owned());
        }
        about.sort();
        about
    }

    fn describe(&self) -> Vec<String> {
        let after = if self.last { ", after all others" } else { "" };
        let mut lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| format!("the audit rule `{line}` is loaded{after}"))
            .collect();
        if self.privileged {
            lines.push("an audit rule is loaded for each set-id program".to_owned());
        }
        lines
    }

    fn phase(&self) -> Phase {
        if self.privileged {
            Phase::Derive
        } else {
            Phase::Write
        }
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = self.path();
        let wanted = edit.look(|root| self.wanted(root))?;
        let others: BTreeSet<String> = edit
            .look(|root| loaded(root, Some(&path)))?
            .into_iter()
            .collect();
        let old = edit.text(&path)?.unwrap_or_default();
        let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
        let stands: BTreeSet<String> = lines.iter().map(|line| normal(line)).collect();
        let missing = wanted.into_iter();
        let missing: Vec<String> = missing
            .filter(|line| !others.contains(&normal(line)) && !stands.contains(&normal(line)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        if lines.is_empty() {
            lines.push(format!("# Written by karat for the rule {}.", edit.rule()));
        }
        lines.extend(missing);
        // Several rules may share the file: whichever comes first, the text is one.
        if let Some((_, rules)) = lines.split_first_mut()
            && !self.last
        {
            rules.sort();
        }
        let text = format!("{}\n", lines.join("\n"));
        edit.put(
            &path,
            text.into_bytes(),
            Owned::root(Mode::of_st_mode(0o600)),
        )
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let lines = loaded(root, None)?;
        let there: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
        let path = self.path();
        let shown = path.display();
        for line in self.wanted(root)? {
            if !there.contains(normal(&line).as_str()) {
                answer.fail(format!(
                    "{DIRECTORY}: no file has the rule `{line}`; add it to {shown}"
                ));
            }
        }
        if self.last && !self.is_last(&lines) {
            let lines = self.lines.join("; ");
            answer.fail(format!(
                "{DIRECTORY}: other rules stand after `{lines}`, and are not loaded; put them before"
            ));
        }
        let mut seen = BTreeSet::new();
        for line in &lines {
            if !seen.insert(line) && self.lines.iter().any(|own| normal(own) == *line) {
                answer.fail(format!(
                    "{DIRECTORY}: `{line}` stands there twice, which keeps what follows from loading"
                ));
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let wanted = edit.look(|root| self.wanted(root))?;
        let gone = wanted.first().map(|line| normal(line)).unwrap_or_default();
        let directory = fixed(DIRECTORY);
        for name in edit.look(|root| root.names(&directory))? {
            let path = directory.join(name).unwrap();
            let text = edit.text(&path)?.unwrap_or_default();
            let left: Vec<&str> = text.lines().filter(|line| normal(line) != gone).collect();
            edit.edit(&path, format!("{}\n", left.join("\n")).into_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_mean_the_same_are_one() {
        assert_eq!(
            normal("-w  /etc/ssh/ -p wa -k ssh "),
            "-w /etc/ssh -p wa -k ssh"
        );
        assert_eq!(normal("-F dir=/ -k x"), "-F dir=/ -k x");
    }

    #[test]
    fn files_are_loaded_in_natural_order() {
        let mut names = vec![
            &b"100-a.rules"[..],
            b"99-z.rules",
            b"9-b.rules",
            b"audit.rules",
        ];
        names.sort_by_key(|name| natural(name));
        assert_eq!(
            names,
            [
                &b"9-b.rules"[..],
                b"99-z.rules",
                b"100-a.rules",
                b"audit.rules"
            ]
        );
    }

    #[test]
    fn a_lock_counts_after_all_rules_and_the_last_one_does() {
        let audit = Audit {
            file: "99-lock.rules".to_owned(),
            lines: vec!["-e 2".to_owned()],
            privileged: false,
            last: true,
        };
        let lines = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert!(audit.is_last(&lines(&["-e 2", "-D", "-b 8192", "-w /a -k a"])));
        assert!(!audit.is_last(&lines(&["-e 2", "-e 1"])));
        assert!(!audit.is_last(&lines(&["-D"])));
    }

    #[test]
    fn a_name_that_a_file_of_rules_cannot_hold_has_no_rule() {
        assert_eq!(privileged(&ImagePath::parse("/usr/bin/a b").unwrap()), None);
        let su = privileged(&ImagePath::parse("/usr/bin/su").unwrap()).unwrap();
        assert!(su.contains("-F path=/usr/bin/su -F perm=x"), "{su}");
    }
}
