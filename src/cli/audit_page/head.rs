//! The verdict, and how much there was.

use super::html::{Html, Number, Text, count, digest, people};
use crate::ops::audit::{Independence, Report, Severity, Verdict};

pub(super) fn write(page: &mut Html, report: &Report) {
    let (class, word, sentence) = match report.verdict {
        Verdict::Clean => ("clean", "Clean", "Nothing was found that breaks a rule."),
        Verdict::Findings => ("findings", "Findings", "Rules were broken."),
        Verdict::Untrusted => (
            "untrusted",
            "Untrusted",
            "Cryptography says that something here is false.",
        ),
        Verdict::Incomplete => (
            "incomplete",
            "Incomplete",
            "Not everything could be checked.",
        ),
    };
    let log = &report.log;
    page.put(format_args!(
        "<header>\n<p class=\"kicker\">Audit of a signature log</p>\n<h1><bdi>{}</bdi></h1>\n\
         <div class=\"verdict {class}\"><p><strong>{word}</strong> {sentence}</p>{}</div>\n<ul class=\"cards\">\n",
        Text(&log.origin),
        weights(report),
    ));
    let counts = &report.counts;
    let checked = if log.checked == log.tree_size {
        format!(
            "all checked against {}",
            count(log.checkpoints, "checkpoint", "checkpoints")
        )
    } else {
        format!("{} of them checked", Number(log.checked))
    };
    card(page, "Entries", log.tree_size, &checked);
    let counting = format!("{} of them count", Number(counts.signatures_counting));
    card(page, "Signatures", counts.signatures, &counting);
    let statements = count(counts.signed, "statement", "statements");
    card(page, "Images", counts.images, &statements);
    let others = format!(
        "{}, {}",
        count(counts.revoke, "revocation", "revocations"),
        count(counts.retire, "retirement", "retirements")
    );
    card(page, "Trust roots", counts.trust, &others);
    page.raw("</ul>\n<dl class=\"origin\">\n");
    let independence = match log.independence {
        Independence::Witnessed => {
            "A quorum of witnesses vouches for this history besides the log."
        }
        Independence::None => {
            "Nobody besides the log is known to vouch for it: whoever has its key decides what it was."
        }
    };
    page.put(format_args!(
        "<dt>Independence</dt><dd>{independence}</dd>\n\
         <dt>Published checkpoint</dt><dd>size {}, root {}, signed by {}</dd>\n",
        Number(log.tree_size),
        digest(&log.root_sha256),
        people(&log.signed_by),
    ));
    if log.since > 0 {
        page.put(format_args!(
            "<dt>This page</dt><dd>is about the entries from {} on; those before were checked as well.</dd>\n",
            Number(log.since),
        ));
    }
    if counts.envelopes > 0 {
        page.put(format_args!(
            "<dt>Elsewhere</dt><dd>{} looked at outside of the log</dd>\n",
            count(counts.envelopes, "envelope", "envelopes"),
        ));
    }
    page.raw("</dl>\n</header>\n");
}

fn card(page: &mut Html, title: &str, number: u64, about: &str) {
    page.put(format_args!(
        "<li>{title}<b>{}</b><small>{about}</small></li>\n",
        Number(number),
    ));
}

/// How much was found of each weight, acknowledged findings apart.
fn weights(report: &Report) -> String {
    let mut text = String::new();
    for severity in Severity::ALL {
        let mut open = 0_u64;
        for code in report.codes.iter().filter(|code| code.severity == severity) {
            open = open.saturating_add(code.found.saturating_sub(code.acknowledged));
        }
        if open > 0 {
            let word = severity.as_str();
            text = format!(
                "{text}<li><span class=\"badge {word}\">{word}</span> {}</li>",
                Number(open)
            );
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("<ul>{text}</ul>")
    }
}
