//! Differences of two images as Markdown, for a pull request.
//!
//! What comes from images is hostile: it stands in code spans and blocks whose fences are longer
//! than any run of backticks in it, or with character references where HTML is.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::cli::console::Count;
use crate::harden::Outcome;
use crate::ops::diff::{
    Difference, Event, FactChange, Lines, PackageChange, PathChange, RuleChange, Side, Strictness,
};

/// Most bytes: GitHub takes 65,536 characters.
const PAGE_MAX: usize = 60_000;
/// Lines shown of one file's difference, and characters of one line.
const LINES_SHOWN: usize = 100;
const WIDTH: usize = 200;

/// The page. Where it would be larger than a pull request takes, it ends with saying so.
pub(super) fn page(difference: &Difference) -> String {
    let mut parts = vec![head(difference)];
    parts.push(packages(&difference.packages));
    parts.push(expectations(difference));
    parts.push(facts(&difference.facts));
    parts.push(rules(&difference.rules));
    let mut owners: BTreeMap<&str, Vec<&PathChange>> = BTreeMap::new();
    for path in &difference.paths {
        let origin = path.origin.as_deref().unwrap_or("unknown owner");
        owners.entry(origin).or_default().push(path);
    }
    // The worst first.
    let mut owners: Vec<_> = owners.into_iter().collect();
    owners.sort_by_key(|(_, paths)| paths.iter().map(|path| rank(path.severity)).min());
    parts.extend(owners.iter().map(|(origin, paths)| owner(origin, paths)));
    let mut page = String::new();
    let mut left_out = 0_usize;
    for part in parts {
        if page.len().saturating_add(part.len()) > PAGE_MAX {
            left_out = left_out.saturating_add(1);
        } else {
            page.push_str(&part);
        }
    }
    if left_out > 0 {
        let note = format!("\n_{left_out} parts are too large for this page; `--json` has all._\n");
        page.push_str(&note);
    }
    page
}

fn head(difference: &Difference) -> String {
    let (from, to) = (&difference.from, &difference.to);
    let mut text = format!("## {} \u{2192} {}\n\n", title(from), title(to));
    if difference.is_empty() {
        text.push_str(if difference.not_compared.is_empty() {
            "Nothing differs.\n"
        } else {
            "Nothing differs among what was compared.\n"
        });
    }
    let bytes = signed(from.bytes, to.bytes);
    push(
        &mut text,
        format_args!(
            "{} \u{2192} {} paths, {} \u{2192} {} bytes ({bytes})\n",
            from.paths, to.paths, from.bytes, to.bytes
        ),
    );
    for side in [from, to] {
        for note in &side.notes {
            push(
                &mut text,
                format_args!("\n> {}: {}\n", code(&side.file), code(note)),
            );
        }
    }
    if !difference.not_compared.is_empty() {
        let count = difference.not_compared.len();
        let summary = format!("{count} places could not be compared");
        let mut list = String::new();
        for place in &difference.not_compared {
            push(
                &mut list,
                format_args!(
                    "- {} ({}): {}\n",
                    code(&place.path),
                    place.side,
                    code(&place.detail)
                ),
            );
        }
        folded(&mut text, &summary, &list);
    }
    text
}

fn packages(packages: &[PackageChange]) -> String {
    let mut text = String::new();
    if packages.is_empty() {
        return text;
    }
    text.push_str(
        "\n### Packages\n\n| | package | from | to | paths | bytes |\n|---|---|---|---|--:|--:|\n",
    );
    for package in packages {
        let what = match package.change {
            Event::Added => "added",
            Event::Changed => direction(package),
            Event::Removed => "removed",
        };
        let version = |version: &Option<String>| version.as_deref().map(cell).unwrap_or_default();
        push(
            &mut text,
            format_args!(
                "| {what} | {} | {} | {} | {} | {:+} |\n",
                cell(&package.name),
                version(&package.from),
                version(&package.to),
                package.paths,
                package.bytes
            ),
        );
    }
    text
}

/// Whether a package went up or down, by dpkg's order of versions.
fn direction(package: &PackageChange) -> &'static str {
    use crate::deb::Version;
    let parse = |text: &Option<String>| text.as_deref()?.parse::<Version>().ok();
    match (parse(&package.from), parse(&package.to)) {
        (Some(from), Some(to)) if from < to => "up",
        (Some(from), Some(to)) if from > to => "**down**",
        _ => "changed",
    }
}

fn expectations(difference: &Difference) -> String {
    let mut text = String::new();
    for (what, list) in [
        ("may differ now", &difference.mutable_added),
        ("is strict now", &difference.mutable_removed),
    ] {
        for (pattern, class) in list {
            push(
                &mut text,
                format_args!("- {} {what} ({class})\n", code(pattern)),
            );
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("\n### Expectations\n\n{text}")
    }
}

/// A table of hardening rules of which something else came.
fn rules(rules: &[RuleChange]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let mut text =
        "\n### Hardening rules\n\n| rule | from | to | why |\n|---|---|---|---|\n".to_owned();
    for rule in rules {
        let word = |outcome: Option<Outcome>| outcome.map_or("", Outcome::word);
        let why: String = rule.reasons.join("; ").chars().take(WIDTH).collect();
        push(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} |\n",
                cell(&rule.id),
                word(rule.from),
                word(rule.to),
                cell(&why)
            ),
        );
    }
    text
}

/// A table for all kinds of facts, which are in order.
fn facts(facts: &[FactChange]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let mut text = "\n### Runtime facts\n\n| | kind | fact | from | to | strictness | by |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for fact in facts {
        let what = match fact.change {
            Event::Added => "added",
            Event::Changed => "changed",
            Event::Removed => "removed",
        };
        let strictness = match fact.strictness {
            Some(Strictness::Looser) => "**looser**",
            Some(Strictness::Stricter) => "stricter",
            None => "",
        };
        let value = |value: &Option<String>| {
            let cut = value.as_deref()?.chars().take(WIDTH);
            Some(short(&cut.collect::<String>()))
        };
        let value = |text| value(text).unwrap_or_default();
        push(
            &mut text,
            format_args!(
                "| {what} | {} | {} | {} | {} | {strictness} | {} |\n",
                fact.kind,
                value(&fact.name),
                value(&fact.from),
                value(&fact.to),
                cell(&fact.origin)
            ),
        );
    }
    text
}

fn owner(origin: &str, paths: &[&PathChange]) -> String {
    let mut table = "| severity | change | path | from | to |\n|---|---|---|---|---|\n".to_owned();
    let mut diffs = String::new();
    for path in paths {
        let value = |value: &Option<String>| value.as_deref().map(short).unwrap_or_default();
        let effects = if path.effects.is_empty() {
            String::new()
        } else {
            format!(" ({})", path.effects.join(", "))
        };
        push(
            &mut table,
            format_args!(
                "| {} | {}{effects} | {} | {} | {} |\n",
                path.severity,
                path.change,
                cell(&path.path),
                value(&path.from),
                value(&path.to)
            ),
        );
        if let Some(Lines::Unified(unified)) = &path.lines {
            diffs.push_str(&fenced(&path.path, &unified.unified));
        }
    }
    let worst = paths
        .iter()
        .map(|path| path.severity)
        .min_by_key(|severity| rank(severity));
    let summary = format!(
        "{}: {}, at worst {}",
        html(origin),
        Count(paths.len(), "change", "changes"),
        worst.unwrap_or("low")
    );
    let mut text = String::new();
    folded(&mut text, &summary, &(table + &diffs));
    text
}

/// Lines in a fence that none of them can close.
fn fenced(path: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .take(LINES_SHOWN)
        .map(|line| line.chars().take(WIDTH).collect())
        .collect();
    let longest = lines.iter().map(|line| longest_run(line)).max();
    let longest = longest.unwrap_or_default();
    let fence = "`".repeat(longest.saturating_add(1).max(3));
    format!(
        "\n{}\n\n{fence}diff\n{}\n{fence}\n",
        code(path),
        lines.join("\n")
    )
}

fn folded(text: &mut String, summary: &str, details: &str) {
    push(
        text,
        format_args!("\n<details><summary>{summary}</summary>\n\n{details}\n</details>\n"),
    );
}

fn title(side: &Side) -> String {
    match (&side.name, &side.version) {
        (Some(name), Some(version)) => code(&format!("{name} {version}")),
        _ => code(&side.file),
    }
}

fn signed(from: u64, to: u64) -> String {
    if to >= from {
        format!("+{}", to.abs_diff(from))
    } else {
        format!("-{}", to.abs_diff(from))
    }
}

/// Worse severities first.
fn rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "high" => 1,
        "medium" => 2,
        _ => 3,
    }
}

/// Text of one line in a code span.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(text).saturating_add(1));
    // A blank on both sides is not part of a span; without, it could begin with the fence.
    format!("{fence} {text} {fence}")
}

/// The same in a cell of a table, where a bar would end it.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A value in a cell, with no more of a digest than tells two apart.
fn short(value: &str) -> String {
    match value.split_once("sha256 ") {
        Some((before, digest)) if digest.len() == 64 => {
            let begin: String = digest.chars().take(12).collect();
            cell(&format!("{before}sha256 {begin}\u{2026}"))
        }
        _ => cell(value),
    }
}

/// The same where HTML is, and Markdown is not.
fn html(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<code>{text}</code>")
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or_default()
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _: fmt::Result = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(code("a|b"), "` a|b `");
        assert_eq!(code("``x`"), "``` ``x` ```");
        assert_eq!(cell("\\\\|"), "` \\\\\\| `");
        assert_eq!(cell(""), "");
        assert_eq!(html("</code>&#1;"), "<code>&lt;/code&gt;&amp;#1;</code>");
        let block = fenced("/x", &["+````".to_owned(), "-```".to_owned()]);
        assert!(
            block.contains("\n`````diff\n+````\n-```\n`````\n"),
            "{block}"
        );
    }
}
