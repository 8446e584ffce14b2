//! Parts of the report for people: an upgraded package as one event, which lines of a text differ.

use crate::appraise::{Group, Lines};
use crate::path::Escaped;

/// Characters shown of one line.
const WIDTH: usize = 200;

/// One line of an excerpt.
pub(super) enum Excerpt {
    /// As `diff -u` writes it, cut off where it is too long.
    Line(String),
    /// About the lines.
    Remark(String),
}

/// Which lines differ, no more than `most` of them.
pub(super) fn lines(lines: &Lines, most: usize) -> Vec<Excerpt> {
    let remark = |text: &str| vec![Excerpt::Remark(text.to_owned())];
    let unified = match lines {
        Lines::Unified(unified) => &unified.unified,
        Lines::Binary => return Vec::new(),
        Lines::TooLarge => return remark("too large to show its lines"),
        Lines::TooMany => return remark("too many lines differ to show them"),
        Lines::Stale => return remark("its lines are not at hand: other bytes are there by now"),
    };
    let cut = |line: &String| {
        let cut: String = line.chars().take(WIDTH).collect();
        let more = if cut.len() < line.len() { "…" } else { "" };
        Excerpt::Line(cut + more)
    };
    let mut excerpt: Vec<Excerpt> = unified.iter().take(most).map(cut).collect();
    if unified.len() > most {
        let more = unified.len() - most;
        excerpt.push(Excerpt::Remark(format!(
            "and {more} more lines; --explain or --json shows them"
        )));
    }
    excerpt
}

/// A package's versions, where both are known.
pub(super) fn versions(group: &Group) -> Option<String> {
    let (signed, observed) = (group.signed.as_ref()?, group.observed.as_ref()?);
    Some(format!(
        "{} as signed, {} by the package database there",
        Escaped(signed.as_bytes()),
        Escaped(observed.as_bytes())
    ))
}

/// What happened to a package: versions, how many paths changed, came and went, the worst severity.
pub(super) fn event(group: &Group) -> String {
    let version = |version: &Option<String>| {
        let version = version.as_deref().unwrap_or_default();
        Escaped(version.as_bytes()).to_string()
    };
    let counts = [
        (group.changed, "changed"),
        (group.added, "added"),
        (group.removed, "removed"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!(
        "{} -> {}: {}, at worst {}",
        version(&group.signed),
        version(&group.observed),
        counts.join(", "),
        group.severity.name()
    )
}
