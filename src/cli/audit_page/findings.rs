//! What was found, the worst first.

use super::html::{Html, Number, Text, count};
use crate::ops::audit::{Finding, Report};

/// Most findings on the page: whoever has more reads the counts, and the JSON.
pub(super) const SHOWN_MAX: usize = 1000;

/// The findings that are on the page.
pub(super) fn shown(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings.iter().take(SHOWN_MAX)
}

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section("findings", "Findings", "");
    if report.codes.is_empty() {
        page.raw("<p class=\"nothing\">Nothing was found.</p>\n</section>\n");
        return;
    }
    codes(page, report);
    let total = report
        .codes
        .iter()
        .fold(0_u64, |sum, code| sum.saturating_add(code.found));
    let listed = u64::try_from(shown(report).count()).unwrap_or(u64::MAX);
    if listed < total {
        page.put(format_args!(
            "<p class=\"capped\">Of {}, {} are listed here; <code>--json</code> has more.</p>\n",
            count(total, "finding", "findings"),
            Number(listed),
        ));
    }
    page.raw("<ol class=\"found\">\n");
    for finding in shown(report) {
        item(page, finding);
    }
    page.raw("</ol>\n</section>\n");
}

fn codes(page: &mut Html, report: &Report) {
    page.table(
        "codes",
        "How often each code was found",
        &["Code", "Weight", "What", "Found", "Acknowledged"],
    );
    for code in &report.codes {
        let word = code.severity.as_str();
        page.put(format_args!(
            "<tr><td><code>{}</code></td><td><span class=\"badge {word}\">{word}</span></td><td>{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            code.code,
            Text(code.title),
            Number(code.found),
            Number(code.acknowledged),
        ));
    }
    page.end_table();
}

fn item(page: &mut Html, finding: &Finding) {
    let word = finding.severity.as_str();
    let quiet = if finding.acknowledged.is_some() {
        " quiet"
    } else {
        ""
    };
    page.put(format_args!(
        "<li class=\"{word}{quiet}\"><p class=\"what\"><span class=\"badge {word}\">{word}</span> <code>{}</code> ",
        finding.code,
    ));
    if let Some(index) = finding.index {
        let entry = page.entry(index);
        page.put(format_args!("{entry} "));
    }
    page.put(format_args!(
        "<bdi class=\"subject\">{}</bdi></p><p>{}</p>",
        Text(&finding.subject),
        Text(&finding.text),
    ));
    match &finding.acknowledged {
        Some(by) => page.put(format_args!(
            "<p class=\"next\">Acknowledged by <bdi>{}</bdi>: <bdi>{}</bdi></p>",
            Text(&by.who),
            Text(&by.reason),
        )),
        None => page.put(format_args!("<p class=\"next\">{}</p>", Text(finding.next))),
    }
    page.raw("</li>\n");
}
