//! Pieces of evidence, wherever they stand.

use crate::cli::audit_page::html::{Html, Number, Text, digest, time};
use crate::harden::Outcome;
use crate::responsibility::{Evidence, Holds};

/// Most pieces that one list shows; a control may have one for each image.
const SHOWN_MAX: usize = 50;
/// Most images that one piece names.
const IMAGES_MAX: usize = 5;
/// Most rules that one piece shows.
const RULES_MAX: usize = 30;

/// Pieces of evidence, each with the images that it is about.
pub(super) fn list(page: &mut Html, evidence: &[(Vec<&str>, &Evidence)]) {
    if evidence.is_empty() {
        return;
    }
    page.raw("<ul class=\"evidence\">\n");
    for (images, one) in evidence.iter().take(SHOWN_MAX) {
        item(page, images, one);
    }
    let left = evidence.len().saturating_sub(SHOWN_MAX);
    if left > 0 {
        page.put(format_args!(
            "<li class=\"capped\">and {} more; <code>--csv</code> and <code>--json</code> have all</li>\n",
            Number(u64::try_from(left).unwrap_or(u64::MAX)),
        ));
    }
    page.raw("</ul>\n");
}

fn item(page: &mut Html, images: &[&str], evidence: &Evidence) {
    let (class, word) = match evidence.holds {
        Holds::No => ("fault", "speaks against it"),
        Holds::Unclear => ("policy", "could not tell"),
        Holds::Stale => ("policy", "too old"),
        Holds::Missing => ("ended", "not there"),
        Holds::Unsigned => ("unknown", "unsigned"),
        Holds::InPart => ("note", "in part"),
        Holds::Yes => ("valid", "holds"),
    };
    page.put(format_args!(
        "<li><span class=\"badge {class}\">{word}</span> <bdi class=\"of\">{}</bdi> <span class=\"kind\">{}</span> {}",
        Text(&named(images)),
        evidence.kind.as_str(),
        Text(&evidence.text),
    ));
    if let (Some(subject), Some(sha256)) = (&evidence.subject, &evidence.sha256) {
        page.put(format_args!(
            "<span class=\"source\"><bdi>{}</bdi> {}</span>",
            Text(subject),
            digest(sha256)
        ));
    }
    if let Some(date) = evidence.date {
        let fresh = evidence
            .fresh_days
            .map(|days| format!(", fresh for {days} days"));
        page.put(format_args!(
            "<span class=\"source\">{}{}</span>",
            time(date),
            fresh.unwrap_or_default()
        ));
    }
    rules(page, evidence);
    if let Some(next) = &evidence.next {
        page.put(format_args!(
            "<span class=\"next\">Next: {}</span>",
            Text(next)
        ));
    }
    page.raw("</li>\n");
}

/// Some of the images by name, the others by number.
fn named(images: &[&str]) -> String {
    let some: Vec<&str> = images.iter().take(IMAGES_MAX).copied().collect();
    match images.len().saturating_sub(IMAGES_MAX) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

fn rules(page: &mut Html, evidence: &Evidence) {
    let told: Vec<_> = evidence
        .rules
        .iter()
        .filter(|rule| rule.outcome != Outcome::NotApplicable)
        .collect();
    if told.is_empty() {
        return;
    }
    page.raw("<ul class=\"rules\">");
    for rule in told.iter().take(RULES_MAX) {
        let class = match rule.outcome {
            Outcome::Fail => "fault",
            Outcome::Unknown => "policy",
            _ => "note",
        };
        page.put(format_args!(
            "<li><span class=\"badge {class}\">{}</span> <code>{}</code> {}</li>",
            rule.outcome.word(),
            Text(&rule.id),
            Text(&rule.reason),
        ));
    }
    let left = told.len().saturating_sub(RULES_MAX);
    if left > 0 {
        page.put(format_args!("<li>and {left} more</li>"));
    }
    page.raw("</ul>");
}
