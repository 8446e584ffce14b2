//! The table of entries and their signatures.

use std::collections::{BTreeMap, BTreeSet};

use super::findings;
use super::html::{Html, Number, Text, count, digest, time};
use crate::ops::audit::{
    EntryFacts, EntryKind, EntryVerdict, Report, Severity, SignatureFacts, SignatureVerdict,
};

/// How many of the newest entries the table has; those that a listed finding names come on top of it.
/// A browser takes that many rows with ease.
pub(super) const NEWEST: u64 = 2000;

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section("entries", "Entries and their signatures", "");
    let all = u64::try_from(report.entries.len()).unwrap_or(u64::MAX);
    let weights = weights(report);
    let shown = page.rows.clone();
    if shown.is_empty() {
        page.raw("<p class=\"nothing\">There are no entries.</p>\n</section>\n");
        return;
    }
    let number = u64::try_from(shown.len()).unwrap_or(u64::MAX);
    if number < all {
        page.put(format_args!(
            "<p class=\"capped\">Of {} this table has {}: the newest {}, and those that a finding above names. \
             <code>--json</code> and <code>--csv</code> have all.</p>\n",
            count(all, "entry", "entries"),
            Number(number),
            Number(NEWEST),
        ));
    }
    let rows: Vec<EntryFacts<'_>> = shown
        .iter()
        .rev()
        .filter_map(|index| report.entries.get(*index))
        .collect();
    filters(page, &rows);
    page.table(
        "entry-table",
        "Entries, the newest first, with each signature and what it is worth",
        &[
            "Entry",
            "Kind",
            "About",
            "Serial",
            "Worth",
            "Signatures",
            "Logged between",
            "Payload",
        ],
    );
    for entry in &rows {
        row(page, entry, weights.get(&entry.index).copied());
    }
    page.end_table();
    page.raw("</section>\n");
}

/// The worst that a finding on this page says about an entry.
fn weights(report: &Report) -> BTreeMap<u64, Severity> {
    let mut weights = BTreeMap::new();
    for finding in findings::shown(report) {
        if let Some(index) = finding.index {
            let worst = weights.entry(index).or_insert(finding.severity);
            *worst = finding.severity.min(*worst);
        }
    }
    weights
}

/// The entries that have a row.
pub(super) fn shown(report: &Report) -> BTreeSet<u64> {
    let all = u64::try_from(report.entries.len()).unwrap_or(u64::MAX);
    let end = report.log.since.saturating_add(all);
    let mut shown: BTreeSet<u64> = weights(report).into_keys().collect();
    shown.retain(|index| (report.log.since..end).contains(index));
    shown.extend(end.saturating_sub(NEWEST).max(report.log.since)..end);
    shown
}

/// Shown by the script, which alone can use them.
fn filters(page: &mut Html, rows: &[EntryFacts<'_>]) {
    let (mut images, mut kinds, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for entry in rows {
        images.extend(entry.image);
        kinds.insert(kind(entry.kind));
        for signature in &entry.signatures {
            if let Some(key) = signature.key {
                keys.insert(key.to_string(), signature.name.unwrap_or_default());
            }
        }
    }
    page.raw(
        "<form id=\"filters\" data-table=\"entry-table\" hidden>\n<label>Text <input type=\"search\" name=\"text\" autocomplete=\"off\"></label>\n",
    );
    select(page, "Image", "image", itself(&images));
    let label = |id: &str, name: &str| {
        let short: String = id.chars().take(12).collect();
        if name.is_empty() {
            short
        } else {
            format!("{name} {short}")
        }
    };
    let labels: Vec<(&str, String)> = keys
        .iter()
        .map(|(id, name)| (id.as_str(), label(id, name)))
        .collect();
    select(page, "Key", "key", labels);
    select(page, "Kind", "kind", itself(&kinds));
    select(
        page,
        "Finding",
        "severity",
        itself(&Severity::ALL.map(Severity::as_str)),
    );
    page.raw(
        "<button type=\"reset\">Clear</button>\n<output aria-live=\"polite\"></output>\n</form>\n",
    );
}

/// Values that are shown as they are.
fn itself<'a>(values: impl IntoIterator<Item = &'a &'a str>) -> Vec<(&'a str, String)> {
    let values = values.into_iter();
    values.map(|value| (*value, (*value).to_owned())).collect()
}

fn select(page: &mut Html, label: &str, name: &str, options: Vec<(&str, String)>) {
    page.put(format_args!(
        "<label>{label} <select name=\"{name}\"><option value=\"\">any</option>"
    ));
    for (value, text) in options {
        page.put(format_args!(
            "<option value=\"{}\">{}</option>",
            Text(value),
            Text(&text)
        ));
    }
    page.raw("</select></label>\n");
}

fn row(page: &mut Html, entry: &EntryFacts<'_>, weight: Option<Severity>) {
    let keys: Vec<String> = entry
        .signatures
        .iter()
        .filter_map(|it| Some(it.key?.to_string()))
        .collect();
    let kind = kind(entry.kind);
    page.put(format_args!(
        "<tr id=\"e{0}\" data-kind=\"{kind}\" data-image=\"{1}\" data-key=\"{2}\" data-severity=\"{3}\">\
         <th scope=\"row\" class=\"n\">{4}",
        entry.index,
        Text(entry.image.unwrap_or_default()),
        keys.join(" "),
        weight.map_or("", Severity::as_str),
        Number(entry.index),
    ));
    if let Some(weight) = weight {
        let word = weight.as_str();
        page.put(format_args!(
            " <a class=\"badge {word}\" href=\"#findings\">{word}</a>"
        ));
    }
    let about = match (
        entry.image,
        entry.version,
        entry.trust_root_version,
        entry.word,
    ) {
        (Some(image), version, _, _) => {
            format!(
                "<bdi>{}</bdi> <bdi>{}</bdi>",
                Text(image),
                Text(version.unwrap_or_default())
            )
        }
        (None, _, Some(version), _) => format!("trust root {}", Number(version)),
        (None, _, None, Some(word)) => format!("<bdi>{}</bdi>", Text(word)),
        (None, _, None, None) => "\u{2013}".to_owned(),
    };
    let (class, worth) = worth(entry.verdict);
    let serial = entry.serial.map_or_else(
        || "\u{2013}".to_owned(),
        |serial| Number(serial).to_string(),
    );
    page.put(format_args!(
        "</th><td>{kind}</td><td>{about}</td><td class=\"n\">{serial}</td><td><span class=\"badge {class}\">{worth}</span></td><td>"
    ));
    if entry.signatures.is_empty() {
        page.raw("none");
    } else {
        page.raw("<ul class=\"signatures\">");
        for signature in &entry.signatures {
            one_signature(page, signature);
        }
        page.raw("</ul>");
    }
    let between = match (entry.not_before, entry.not_after) {
        (None, None) => "\u{2013}".to_owned(),
        (Some(after), None) => format!("after {}", time(after)),
        (None, Some(before)) => format!("before {}", time(before)),
        (Some(after), Some(before)) => format!("{} and {}", time(after), time(before)),
    };
    let payload = entry
        .payload_sha256
        .map_or_else(|| "\u{2013}".to_owned(), |it| digest(&it));
    page.put(format_args!(
        "</td><td>{between}</td><td>{payload}</td></tr>\n"
    ));
}

fn one_signature(page: &mut Html, signature: &SignatureFacts<'_>) {
    let (class, word) = match signature.verdict {
        SignatureVerdict::Counts => ("valid", "counts"),
        SignatureVerdict::Ended => ("policy", "after the key\u{2019}s end"),
        SignatureVerdict::Revoked => ("revoked", "revoked"),
        SignatureVerdict::Early => ("policy", "before the key\u{2019}s beginning"),
        SignatureVerdict::WrongRole => ("policy", "another role"),
        SignatureVerdict::WrongImage => ("policy", "not for this image"),
        SignatureVerdict::Duplicate => ("note", "a second time"),
        SignatureVerdict::Unknown => ("unknown", "unknown key"),
        SignatureVerdict::Invalid => ("fault", "does not verify"),
    };
    let key = signature
        .key
        .map_or_else(|| "<code>no id</code>".to_owned(), |key| digest(&key));
    page.put(format_args!(
        "<li><bdi>{}</bdi> {key} <span class=\"badge {class}\">{word}</span></li>",
        Text(signature.name.unwrap_or_default()),
    ));
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Signed => "statement",
        EntryKind::Trust => "trust root",
        EntryKind::Revoke => "revocation",
        EntryKind::Retire => "retirement",
        EntryKind::Other => "unknown kind",
        EntryKind::Foreign => "foreign",
    }
}

fn worth(verdict: EntryVerdict) -> (&'static str, &'static str) {
    match verdict {
        EntryVerdict::Counts => ("valid", "counts"),
        EntryVerdict::Superseded => ("ended", "superseded"),
        EntryVerdict::Refused => ("fault", "counts for nothing"),
        EntryVerdict::Malformed => ("fault", "cannot be read"),
        EntryVerdict::Carried => ("note", "no meaning here"),
    }
}
