//! What it comes to, and how many controls are in which state.

use crate::cli::audit_page::html::{Html, Number, Text, count, time};
use crate::responsibility::{Report, Verdict, Weight};

pub(super) fn write(page: &mut Html, report: &Report) {
    let counts = &report.counts;
    let (class, word, sentence) = match report.verdict {
        Verdict::Untrusted => (
            "untrusted",
            "Not trusted",
            "Something that was given as evidence is not what was signed.".to_owned(),
        ),
        Verdict::NotMet => (
            "untrusted",
            "Not met",
            format!(
                "Evidence speaks against {} of yours.",
                count(counts.not_met, "control", "controls")
            ),
        ),
        Verdict::Incomplete => (
            "incomplete",
            "Incomplete",
            "Evidence is too old, or could not be read.".to_owned(),
        ),
        Verdict::Open => (
            "findings",
            "Open",
            "Nothing speaks against a control, and not all have evidence.".to_owned(),
        ),
        Verdict::Evidenced => (
            "clean",
            "Evidence for all",
            "Each of your controls has evidence. Whether it is enough is for a person to say."
                .to_owned(),
        ),
    };
    page.put(format_args!(
        "<header>\n<p class=\"kicker\">Shared responsibility</p>\n<h1>{} on {} ({})</h1>\n\
         <div class=\"verdict {class}\"><p><strong>{word}</strong> {sentence}</p>\
         <p><b>{}</b> of {} that are yours or shared are open</p></div>\n",
        what(report),
        report.provider.title(),
        report.model.title(),
        Number(counts.open()),
        count(report.customers(), "control", "controls"),
    ));
    page.raw("<ul class=\"cards states\">\n");
    let late = counts.unclear.saturating_add(counts.stale);
    card(
        page,
        "not-met",
        "Not met",
        counts.not_met,
        "evidence speaks against them",
    );
    card(
        page,
        "stale",
        "Old or unclear",
        late,
        "evidence has to be made again",
    );
    card(
        page,
        "unproven",
        "Not given",
        counts.unproven,
        "karat could show them",
    );
    card(
        page,
        "uncovered",
        "Not covered",
        counts.uncovered,
        "karat cannot show them",
    );
    card(
        page,
        "in-part",
        "In part",
        counts.in_part,
        "evidence holds, and has limits",
    );
    card(
        page,
        "evidenced",
        "Evidence holds",
        counts.evidenced,
        "of yours or shared",
    );
    card(
        page,
        "provider",
        "The provider\u{2019}s",
        counts.provider,
        "alone; its auditors report",
    );
    page.put(format_args!(
        "</ul>\n<dl class=\"origin\">\n<dt>Weighed for</dt><dd>{}</dd>\n\
         <dt>Matrix</dt><dd>{}, <code>{}</code></dd>\n",
        time(report.at),
        count(report.matrix.controls, "control", "controls"),
        short(&report.matrix.sha256.to_string()),
    ));
    let notable = report
        .findings
        .iter()
        .filter(|finding| finding.weight != Weight::Note);
    for finding in notable.take(10) {
        let (class, word) = match finding.weight {
            Weight::Untrusted => ("fault", "not trusted"),
            Weight::Incomplete | Weight::Note => ("policy", "incomplete"),
        };
        page.put(format_args!(
            "<dt><span class=\"badge {class}\">{word}</span></dt><dd><bdi>{}</bdi>: {}</dd>\n",
            Text(&finding.subject),
            Text(&finding.text),
        ));
    }
    page.raw("</dl>\n</header>\n");
}

/// The images by name; many of them by number.
fn what(report: &Report) -> String {
    let [image] = report.images.as_slice() else {
        return format!(
            "{} images",
            Number(u64::try_from(report.images.len()).unwrap_or(u64::MAX))
        );
    };
    let name = image.name.as_ref().unwrap_or(&image.file);
    format!("<bdi>{}</bdi>", Text(name))
}

fn card(page: &mut Html, class: &str, title: &str, number: u64, about: &str) {
    let empty = if number == 0 { " empty" } else { "" };
    page.put(format_args!(
        "<li class=\"{class}{empty}\">{title}<b>{}</b><small>{about}</small></li>\n",
        Number(number),
    ));
}

pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
