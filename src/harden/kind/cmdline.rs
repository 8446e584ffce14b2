//! `kind = "cmdline"`: words of the kernel's command line.
//!
//! ```toml
//! present = ["init_on_alloc=1"]
//! absent = ["nokaslr"]         # without `=`: with any value too
//! ```
//!
//! The words stand in `/etc/kernel/cmdline` (kernel-install(8)); where the image has
//! `/etc/default/grub`, also in its `GRUB_CMDLINE_LINUX`. Words of rules stand at the end, sorted.

use std::sync::Arc;

use super::text::{lines, text, unquoted};
use super::{Answer, Setting};
use crate::expect::Facts;
use crate::expect::fact::{CmdlineWord, Word, WordRule};
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Root, RuleId, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

const KERNEL: &str = "/etc/kernel/cmdline";
const GRUB: &str = "/etc/default/grub";

/// Words of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cmdline {
    present: Vec<Word>,
    absent: Vec<Word>,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    let words = |key| -> Vec<Word> {
        let words = table.strings(key).into_iter().filter_map(|at| {
            let plain = !at.value.contains(['"', '\'', '\\', '$', '`']);
            let word = at.value.parse::<Word>().ok().filter(|_| plain);
            if word.is_none() {
                let message = format!(
                    "{:?} is not allowed: {}, nor quotes, backslashes and dollar signs",
                    at.value,
                    Word::RULE
                );
                table.sink().report(Code::T006, &at.span, message, None);
            }
            word
        });
        words.collect()
    };
    let (present, absent) = (words("present"), words("absent"));
    if present.is_empty() && absent.is_empty() {
        let message = "a cmdline states present or absent words".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    Some(Arc::new(Cmdline { present, absent }))
}

impl Setting for Cmdline {
    fn kind(&self) -> &'static str {
        "cmdline"
    }

    fn about(&self) -> Vec<String> {
        let words = self.present.iter().chain(&self.absent);
        let mut about: Vec<String> = words
            .map(|word| format!("cmdline {}", key_of(word.as_str())))
            .collect();
        about.sort();
        about.dedup();
        about
    }

    fn describe(&self) -> Vec<String> {
        let present = self.present.iter();
        let present = present.map(|word| format!("the kernel's command line has {word}"));
        let absent = self.absent.iter();
        let absent = absent.map(|word| format!("the kernel's command line does not have {word}"));
        present.chain(absent).collect()
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = fixed(KERNEL);
        let old = edit.text(&path)?.unwrap_or_default();
        let new = self.words_of(&old, &path, edit);
        if new != old.trim() {
            edit.edit(&path, format!("{new}\n").into_bytes())?;
        }
        let path = fixed(GRUB);
        if let Some(content) = edit.text(&path)? {
            let mut all = lines(&content);
            let old = grub(&content);
            let new = self.words_of(&old, &path, edit);
            if new != old {
                let line = format!("GRUB_CMDLINE_LINUX=\"{new}\"");
                let at = all.iter().rposition(|line| is_grub(line));
                match at.and_then(|at| all.get_mut(at)) {
                    Some(there) => *there = line,
                    None => all.push(line),
                }
                edit.edit(&path, text(&all).into_bytes())?;
            }
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let mut places = vec![(
            fixed(KERNEL),
            root.text(&fixed(KERNEL))?.unwrap_or_default(),
        )];
        if let Some(content) = root.text(&fixed(GRUB))? {
            places.push((fixed(GRUB), grub(&content)));
        }
        for (path, line) in places {
            let words: Vec<&str> = line.split_whitespace().collect();
            for word in &self.present {
                if !words.contains(&word.as_str()) {
                    let key = key_of(word.as_str());
                    let other = words.iter().find(|there| key_of(there) == key);
                    let other = other.map_or_else(String::new, |other| {
                        format!(" but {}", Escaped(other.as_bytes()))
                    });
                    answer.fail(format!(
                        "{path}: the command line does not have {word}{other}"
                    ));
                }
            }
            for word in &self.absent {
                for there in words.iter().filter(|there| is_meant(word, there)) {
                    let there = Escaped(there.as_bytes());
                    answer.fail(format!("{path}: the command line has {there}"));
                }
            }
        }
        Ok(())
    }

    fn facts(&self, rule: &RuleId, _: &Root<'_>, facts: &mut Facts) -> Result<(), ViewError> {
        let words = [
            (WordRule::Present, &self.present),
            (WordRule::Absent, &self.absent),
        ];
        for (word_rule, words) in words {
            for word in words {
                if facts.cmdline.iter().all(|fact| fact.word != *word) {
                    facts.cmdline.push(CmdlineWord {
                        origin: rule.origin(),
                        rule: word_rule,
                        word: word.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = fixed(KERNEL);
        let old = edit.text(&path)?.unwrap_or_default();
        let kept = old
            .split_whitespace()
            .filter(|word| self.present.iter().all(|wanted| wanted.as_str() != *word));
        let mut words: Vec<&str> = kept.collect();
        words.extend(self.absent.first().map(Word::as_str));
        edit.edit(&path, format!("{}\n", words.join(" ")).into_bytes())
    }
}

impl Cmdline {
    /// The line with the words that are wanted and without those that are not. A word that stands
    /// there with another value is somebody's statement: it is left, and reported.
    fn words_of(&self, line: &str, path: &ImagePath, edit: &mut Edit<'_>) -> String {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words.retain(|there| !self.absent.iter().any(|word| is_meant(word, there)));
        for word in &self.present {
            let word = word.as_str();
            if words.iter().any(|there| there == word) {
                continue;
            }
            let same_key = |there: &&String| key_of(there) == key_of(word) && word.contains('=');
            if let Some(there) = words.iter().find(same_key) {
                let there = Escaped(there.as_bytes());
                edit.conflict(format!(
                    "{path}: {there} is stated already, and wins over {word}"
                ));
                continue;
            }
            let from = sorted_end(&words);
            let tail = words.iter().skip(from);
            let at = tail.take_while(|there| there.as_str() < word).count();
            words.insert(from.saturating_add(at), word.to_owned());
        }
        words.join(" ")
    }
}

/// Where the sorted words at the end begin: those of rules are put among them, so that their order
/// does not depend on the order of the rules.
fn sorted_end(words: &[String]) -> usize {
    let mut from = words.len().saturating_sub(1);
    while let (Some(before), Some(at)) = (
        from.checked_sub(1).and_then(|before| words.get(before)),
        words.get(from),
    ) {
        if before >= at {
            break;
        }
        from = from.saturating_sub(1);
    }
    from
}

fn key_of(word: &str) -> &str {
    word.split('=').next().unwrap_or(word)
}

/// Whether an unwanted word means one that stands there.
fn is_meant(unwanted: &Word, there: &str) -> bool {
    let unwanted = unwanted.as_str();
    there == unwanted || (!unwanted.contains('=') && key_of(there) == unwanted)
}

fn is_grub(line: &str) -> bool {
    line.trim().starts_with("GRUB_CMDLINE_LINUX=")
}

/// The words that GRUB's generator takes for every entry.
fn grub(content: &str) -> String {
    let line = content.lines().rfind(|line| is_grub(line));
    let value = line.and_then(|line| line.split_once('='));
    value.map_or_else(String::new, |(_, value)| unquoted(value).to_owned())
}
