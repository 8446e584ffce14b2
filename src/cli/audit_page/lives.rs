//! The lives of keys, by index.

use super::chart::{Chart, Tenths};
use super::html::{Html, Number, Text, count, digest, shortened};
use super::timeline::{axis, extent};
use crate::ops::audit::{KeyFacts, KeyState, Report};

/// Most keys that are drawn or listed; a role has at most 64, and strangers may be many.
const SHOWN_MAX: usize = 300;
const ROW: u64 = 24;
const TOP: u64 = 8;
/// Most characters of a name in the drawing.
const NAME_MAX: usize = 28;

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section(
        "keys",
        "Keys",
        "From the first index for which a key counts to the first for which it counts no more. \
         The thin line is where it signed.",
    );
    if report.keys.is_empty() {
        page.raw("<p class=\"nothing\">There are no keys.</p>\n</section>\n");
        return;
    }
    if report.keys.len() > SHOWN_MAX {
        let all = u64::try_from(report.keys.len()).unwrap_or(u64::MAX);
        page.put(format_args!(
            "<p class=\"capped\">The first {SHOWN_MAX} of {} are shown.</p>\n",
            count(all, "key", "keys"),
        ));
    }
    if let Some(chart) = extent(report) {
        drawing(page, chart, report);
    }
    table(page, report);
    page.raw("</section>\n");
}

fn drawing(page: &mut Html, chart: Chart, report: &Report) {
    page.raw(
        "<ul class=\"legend\"><li><i class=\"valid\"></i>valid</li><li><i class=\"ended\"></i>ended</li>\
         <li><i class=\"revoked\"></i>revoked: does not count</li><li><i class=\"unknown\"></i>known to no trust root</li></ul>\n",
    );
    let rows = u64::try_from(report.keys.len().min(SHOWN_MAX)).unwrap_or(0);
    let bottom = TOP.saturating_add(rows.saturating_mul(ROW));
    page.put(format_args!(
        "<div class=\"wide\" role=\"region\" aria-label=\"Lives of keys\" tabindex=\"0\">\
         <svg viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-label=\"The lives of {}; the table below says the same in words\">\n\
         <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect class=\"ground\" width=\"6\" height=\"6\"/><rect class=\"stripe\" width=\"2.5\" height=\"6\"/></pattern></defs>\n",
        Chart::WHOLE,
        bottom.saturating_add(28),
        count(rows, "key", "keys"),
    ));
    for (row, key) in (0_u64..).zip(report.keys.iter().take(SHOWN_MAX)) {
        life(
            page,
            chart,
            key,
            TOP.saturating_add(row.saturating_mul(ROW)),
        );
    }
    axis(page, chart, bottom.saturating_add(20));
    page.raw("</svg></div>\n");
}

fn life(page: &mut Html, chart: Chart, key: &KeyFacts, top: u64) {
    let id = key.key.map_or_else(|| "no id".to_owned(), |id| id.short());
    let name = key.name.as_deref().unwrap_or(&id);
    let role = key.role.map_or("unknown", |role| role.as_str());
    let middle = top.saturating_add(ROW / 2);
    page.put(format_args!(
        "<g class=\"life\"><title>{role} key {} {id}: {}</title>\
         <text class=\"role\" x=\"4\" y=\"{}\">{role}</text><text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\
         <line class=\"track\" x1=\"{}\" x2=\"{}\" y1=\"{middle}\" y2=\"{middle}\"/>",
        Text(name),
        Text(&said(key)),
        middle.saturating_add(4),
        Chart::LEFT - 12,
        middle.saturating_add(4),
        Text(&shortened(name, NAME_MAX)),
        Chart::LEFT,
        Chart::LEFT + Chart::WIDTH,
    ));
    let end = key.until.unwrap_or(u64::MAX);
    let revoked = key.revoked.as_ref().map_or(u64::MAX, |by| by.from);
    let class = if key.state == KeyState::Ended {
        "ended"
    } else {
        "valid"
    };
    if key.state != KeyState::Unknown {
        span(page, chart, class, key.from, end.min(revoked), middle);
    }
    if let Some(by) = &key.revoked {
        // What it signed from here on, until that was said, does not count.
        span(
            page,
            chart,
            "revoked",
            by.from.max(key.from),
            by.index.saturating_add(1).max(by.from),
            middle,
        );
        cross(page, chart.x(by.index), middle);
    } else if key.until.is_some_and(|until| until < chart.end) {
        let x = chart.x(end);
        page.put(format_args!(
            "<line class=\"end\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>",
            middle.saturating_sub(9),
            middle.saturating_add(9),
        ));
    }
    if let (Some(first), Some(last)) = (key.first_index, key.last_index) {
        let wide = Tenths(chart.width(first, last.saturating_add(1)).0.max(20));
        // Of a stranger there is nothing else to show.
        let (class, high) = if key.state == KeyState::Unknown {
            ("unknown", 8)
        } else {
            ("signed", 3)
        };
        page.put(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{wide}\" height=\"{high}\"/>",
            chart.x(first),
            middle.saturating_sub(high / 2),
        ));
    }
    page.raw("</g>\n");
}

fn span(page: &mut Html, chart: Chart, class: &str, from: u64, to: u64, middle: u64) {
    if from < to && from < chart.end && to > chart.first {
        let wide = Tenths(chart.width(from, to).0.max(20));
        page.put(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{wide}\" height=\"14\" rx=\"3\"/>",
            chart.x(from),
            middle.saturating_sub(7),
        ));
    }
}

fn cross(page: &mut Html, x: Tenths, middle: u64) {
    let (left, right) = (
        Tenths(x.0.saturating_sub(50)),
        Tenths(x.0.saturating_add(50)),
    );
    let (top, bottom) = (middle.saturating_sub(5), middle.saturating_add(5));
    page.put(format_args!(
        "<path class=\"cross\" d=\"M{left} {top}L{right} {bottom}M{right} {top}L{left} {bottom}\"/>"
    ));
}

/// The life of a key in words.
fn said(key: &KeyFacts) -> String {
    let signed = count(key.signatures, "signature", "signatures");
    let life = match (key.state, key.until) {
        (KeyState::Unknown, _) => "named by no trust root".to_owned(),
        (KeyState::Future, _) => format!("counts from {} on, which is to come", Number(key.from)),
        (_, None) => format!("counts from {} on", Number(key.from)),
        (_, Some(until)) => format!(
            "counts from {} to before {}",
            Number(key.from),
            Number(until)
        ),
    };
    match &key.revoked {
        Some(by) => format!(
            "{life}; revoked from {} on by entry {}; {signed}",
            Number(by.from),
            Number(by.index)
        ),
        None => format!("{life}; {signed}"),
    }
}

fn table(page: &mut Html, report: &Report) {
    page.table(
        "key-table",
        "Every key that has or had a role, and those that signed without one",
        &[
            "Key",
            "Holder",
            "Role",
            "State",
            "Counts",
            "Images",
            "Signatures",
            "First and last",
            "Why it ended",
        ],
    );
    for key in report.keys.iter().take(SHOWN_MAX) {
        let (state, word) = state(key.state);
        let id = key
            .key
            .map_or_else(|| "\u{2013}".to_owned(), |id| digest(&id));
        let reason = key
            .revoked
            .as_ref()
            .map(|by| by.reason.as_str())
            .or(key.reason.as_deref());
        let reaches = match (key.state, key.until) {
            (KeyState::Unknown, _) => "never".to_owned(),
            (_, None) => format!("from {}", Number(key.from)),
            (_, Some(until)) => format!("{} to before {}", Number(key.from), Number(until)),
        };
        let revoked = key.revoked.as_ref().map_or_else(String::new, |by| {
            format!(
                "; revoked from {} on by {}",
                Number(by.from),
                page.entry(by.index)
            )
        });
        let between = match (key.first_index, key.last_index) {
            (Some(first), Some(last)) if first == last => Number(first).to_string(),
            (Some(first), Some(last)) => format!("{} \u{2026} {}", Number(first), Number(last)),
            _ => "\u{2013}".to_owned(),
        };
        page.put(format_args!(
            "<tr><td>{id}</td><td><bdi>{}</bdi></td><td>{}</td><td><span class=\"badge {state}\">{word}</span></td>\
             <td>{reaches}{revoked}</td><td><bdi>{}</bdi></td><td class=\"n\">{}<small>{} count</small></td><td class=\"n\">{between}</td>\
             <td><bdi>{}</bdi></td></tr>\n",
            Text(key.name.as_deref().unwrap_or("\u{2013}")),
            key.role.map_or("none", |role| role.as_str()),
            Text(&key.images.join(", ")),
            Number(key.signatures),
            Number(key.counting),
            Text(reason.unwrap_or_default()),
        ));
    }
    page.end_table();
}

fn state(state: KeyState) -> (&'static str, &'static str) {
    match state {
        KeyState::Valid => ("valid", "valid"),
        KeyState::Future => ("future", "to come"),
        KeyState::Ended => ("ended", "ended"),
        KeyState::Revoked => ("revoked", "revoked"),
        KeyState::Unknown => ("unknown", "unknown"),
    }
}
