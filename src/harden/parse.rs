//! Reading a file of rules.

use std::sync::Arc;

use toml::de::DeTable;

use super::kind::KINDS;
use super::{Applies, Profile, Refs, Rule, RuleId, Setting, Severity};
use crate::limits;
use crate::path::ImagePath;
use crate::written::diagnostic::Code;
use crate::written::nearest::nearest;
use crate::written::reader::{Reader, Sink, Span};

/// Whose references a rule may have.
const REFS: [&str; 6] = ["anssi", "cis", "kspp", "nist", "ssg", "stig"];

/// The categories of services.
const CATEGORIES: [&str; 5] = ["data", "frontend", "internal", "legacy", "management"];

const LINE_RULE: &str = "it is one line without control characters";
const PACKAGE_RULE: &str = "a package's name is of a-z 0-9 + - . and may have * for any run";

/// The rules of one file, each with its place; what is wrong goes to `sink`, as `file` of it.
pub(super) fn rules(name: &str, text: &str, sink: &Sink) -> Vec<(Rule, Span)> {
    let file = sink.add_file(name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', "; ");
        sink.report(Code::T002, &Span { file, range }, message, None);
    }
    if !errors.is_empty() {
        return Vec::new();
    }
    let whole = Span { file, range: 0..0 };
    let top = Reader::new(Some(table.get_ref()), "the file of rules", whole, sink);
    let rules = top
        .tables("rule", "[[rule]]")
        .into_iter()
        .filter_map(|table| rule(table, name))
        .collect();
    if !top.has("rule") {
        top.missing("[[rule]]", None);
    }
    top.finish();
    rules
}

fn rule(table: Reader<'_>, file: &str) -> Option<(Rule, Span)> {
    let span = table.span().clone();
    for key in ["id", "title", "severity", "profile", "rationale", "setting"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let id = table.parsed("id", RuleId::RULE, RuleId::new);
    let title = table.parsed("title", LINE_RULE, line);
    let severity = table.choice::<Severity>("severity");
    let profile = table.choice::<Profile>("profile");
    let rationale = table.parsed("rationale", LINE_RULE, line);
    let breaks = table.parsed("breaks", LINE_RULE, line);
    let refs = refs(table.table("refs", "refs"));
    let applies = applies(table.table("applies", "applies"));
    let tables = table.tables("setting", "[[rule.setting]]");
    if table.has("setting") && tables.is_empty() {
        table.missing("[[rule.setting]]", None);
    }
    if tables.len() > limits::RULE_SETTINGS_MAX {
        let message = format!("more than {} settings", limits::RULE_SETTINGS_MAX);
        table.sink().report(Code::T016, &span, message, None);
        return None;
    }
    let wanted = tables.len();
    let settings: Vec<_> = tables.into_iter().filter_map(setting).collect();
    table.finish();
    if settings.len() != wanted || settings.is_empty() {
        return None;
    }
    let rule = Rule {
        id: id?.value,
        title: title?.value,
        severity: severity?.value,
        profile: profile?.value,
        rationale: rationale?.value,
        breaks: breaks.map(|at| at.value),
        refs,
        applies,
        settings,
        file: file.to_owned(),
    };
    Some((rule, span))
}

fn setting(table: Reader<'_>) -> Option<Arc<dyn Setting>> {
    let Some(kind) = table.string("kind") else {
        if !table.has("kind") {
            table.missing("kind", None);
        }
        return None;
    };
    let found = KINDS.iter().find(|(word, _)| *word == kind.value);
    let Some((_, parse)) = found else {
        let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        let message = format!(
            "{:?} is not allowed: kind is one of {}",
            kind.value,
            words.join(", ")
        );
        let help = nearest(&kind.value, &words).map(|word| format!("did you mean {word:?}?"));
        table.sink().report(Code::T006, &kind.span, message, help);
        return None;
    };
    let setting = parse(&table);
    table.finish();
    setting
}

fn refs(table: Reader<'_>) -> Refs {
    let mut refs = Refs::new();
    for whose in REFS {
        let mut names: Vec<String> = Vec::new();
        for text in table.strings(whose) {
            let fits = !text.value.is_empty() && line(&text.value).is_some();
            if !fits || names.contains(&text.value) {
                let message = format!("{:?} is empty, not one line, or stated twice", text.value);
                table.sink().report(Code::T006, &text.span, message, None);
                continue;
            }
            names.push(text.value);
        }
        if !names.is_empty() {
            refs.insert(whose.to_owned(), names);
        }
    }
    table.finish();
    refs
}

fn applies(table: Reader<'_>) -> Applies {
    let packages = |key| -> Vec<String> {
        let names = table.strings(key).into_iter().filter_map(|text| {
            if package(&text.value) {
                return Some(text.value);
            }
            let message = format!("{:?} is not allowed: {PACKAGE_RULE}", text.value);
            table.sink().report(Code::T006, &text.span, message, None);
            None
        });
        names.collect()
    };
    let words = |key, known: &[&str]| -> Vec<String> {
        let words = table.strings(key).into_iter().filter_map(|text| {
            let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            let fits = !text.value.is_empty() && text.value.bytes().all(word);
            if fits && (known.is_empty() || known.contains(&text.value.as_str())) {
                return Some(text.value);
            }
            let message = format!("{:?} is not allowed in {key}", text.value);
            let help = nearest(&text.value, known).map(|word| format!("did you mean {word:?}?"));
            table.sink().report(Code::T006, &text.span, message, help);
            None
        });
        words.collect()
    };
    let applies = Applies {
        packages: packages("packages"),
        any_packages: packages("any_packages"),
        without_packages: packages("without_packages"),
        suites: words("suites", &[]),
        kernel_since: table
            .parsed("kernel_since", "a kernel is MAJOR.MINOR", kernel)
            .map(|at| at.value),
        category: words("category", &CATEGORIES),
        kernel: table.boolean("kernel").map(|at| at.value),
        instance: table.boolean("instance").map(|at| at.value),
    };
    table.finish();
    applies
}

fn kernel(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    let number = |text: &str| -> Option<u32> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    Some((number(major)?, number(minor)?))
}

fn package(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.*".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(plain)
}

/// One line of at most 4096 bytes, and not nothing.
pub(super) fn line(text: &str) -> Option<String> {
    let fits = !text.trim().is_empty() && text.len() <= 4096 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// An absolute, normal path without control characters.
pub(super) fn path(text: &str) -> Option<ImagePath> {
    ImagePath::parse(text)
        .ok()
        .filter(|path| !path.is_root() && !text.chars().any(char::is_control))
}
