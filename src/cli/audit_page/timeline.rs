//! The entries in their order, in bins where they are many.

use super::chart::{Chart, Tenths};
use super::html::{Html, Number, Text, count, time};
use crate::ops::audit::{EntryFacts, EntryKind, EntryVerdict, Report};

/// Most bins: a bar has some eight units then.
const BINS_MAX: u64 = 116;
const TOP: u64 = 14;
const HEIGHT: u64 = 120;
/// How high the lane of one kind of marks is.
const LANE: u64 = 22;

/// Consecutive entries that share a bar.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    counts: u64,
    superseded: u64,
    refused: u64,
    other: u64,
    trust: u64,
    revoke: u64,
    retire: u64,
}

impl Bin {
    fn add(&mut self, entry: &EntryFacts<'_>) {
        let part = match entry.verdict {
            EntryVerdict::Counts => &mut self.counts,
            EntryVerdict::Superseded => &mut self.superseded,
            EntryVerdict::Refused | EntryVerdict::Malformed => &mut self.refused,
            EntryVerdict::Carried => &mut self.other,
        };
        *part = part.saturating_add(1);
        let mark = match entry.kind {
            EntryKind::Trust => &mut self.trust,
            EntryKind::Revoke => &mut self.revoke,
            EntryKind::Retire => &mut self.retire,
            EntryKind::Signed | EntryKind::Other | EntryKind::Foreign => return,
        };
        *mark = mark.saturating_add(1);
    }

    fn total(self) -> u64 {
        let parts = [self.counts, self.superseded, self.refused, self.other];
        parts.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }
}

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section(
        "history",
        "History",
        "Every entry by its index in the log: the order that decides which keys count.",
    );
    let Some((chart, width, bins)) = bins(report) else {
        page.raw("<p class=\"nothing\">There are no entries.</p>\n</section>\n");
        return;
    };
    page.raw(
        "<ul class=\"legend\"><li><i class=\"counts\"></i>counts</li><li><i class=\"superseded\"></i>superseded \
         by a later trust root</li><li><i class=\"refused\"></i>counts for nothing, or cannot be read</li>\
         <li><i class=\"carried\"></i>means nothing here</li></ul>\n",
    );
    let lanes: Vec<Lane> = LANES
        .into_iter()
        .filter(|(_, _, of)| bins.iter().any(|bin| of(bin) > 0))
        .collect();
    let high = u64::try_from(lanes.len()).unwrap_or(0).saturating_mul(LANE);
    let bottom = TOP + HEIGHT;
    page.put(format_args!(
        "<div class=\"wide\" role=\"region\" aria-label=\"Entries by index\" tabindex=\"0\">\
         <svg viewBox=\"0 0 {} {}\" role=\"img\" \
         aria-label=\"{} by index, {} to a bar; the table of entries says the same in words\">\n",
        Chart::WHOLE,
        bottom.saturating_add(high).saturating_add(30),
        count(
            u64::try_from(report.entries.len()).unwrap_or(0),
            "entry",
            "entries"
        ),
        Number(width),
    ));
    let most = bins.iter().map(|bin| bin.total()).max().unwrap_or(1).max(1);
    page.put(format_args!(
        "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\n",
        Chart::LEFT - 12,
        TOP + HEIGHT / 2,
        if width == 1 {
            "each entry".to_owned()
        } else {
            format!("up to {} entries a bar", Number(most))
        },
    ));
    for (place, bin) in (0_u64..).zip(&bins) {
        bar(page, chart, width, place, *bin, most);
    }
    for (row, (word, class, of)) in (0_u64..).zip(lanes) {
        let middle = bottom
            .saturating_add(row.saturating_mul(LANE))
            .saturating_add(LANE / 2 + 4);
        page.put(format_args!(
            "<text class=\"name\" x=\"{}\" y=\"{}\">{word}s</text><line class=\"track\" x1=\"{}\" x2=\"{}\" y1=\"{middle}\" y2=\"{middle}\"/>\n",
            Chart::LEFT - 12,
            middle + 4,
            Chart::LEFT,
            Chart::LEFT + Chart::WIDTH,
        ));
        for (place, bin) in (0_u64..).zip(&bins).filter(|(_, bin)| of(bin) > 0) {
            let (from, to) = edges(chart, width, place);
            let x = Tenths((chart.x(from).0.saturating_add(chart.x(to).0)) / 2);
            page.put(format_args!(
                "<circle class=\"mark {class}\" cx=\"{x}\" cy=\"{middle}\" r=\"5\"><title>{} in {}</title></circle>\n",
                count(of(bin), word, &format!("{word}s")),
                range(from, to),
            ));
        }
    }
    axis(page, chart, bottom.saturating_add(high).saturating_add(22));
    page.raw("</svg></div>\n");
    bounds(page, report);
    page.raw("</section>\n");
}

/// A kind of mark: its word, its class, how many a bin has.
type Lane = (&'static str, &'static str, fn(&Bin) -> u64);

const LANES: [Lane; 3] = [
    ("trust root", "trust", |bin| bin.trust),
    ("revocation", "revoke", |bin| bin.revoke),
    ("retirement", "retire", |bin| bin.retire),
];

/// What both drawings show; `None` where there are no entries.
pub(super) fn extent(report: &Report) -> Option<Chart> {
    let length = u64::try_from(report.entries.len())
        .ok()
        .filter(|length| *length > 0)?;
    let first = report.log.since;
    Some(Chart {
        first,
        end: first.saturating_add(length),
    })
}

fn bins(report: &Report) -> Option<(Chart, u64, Vec<Bin>)> {
    let chart = extent(report)?;
    let length = chart.end.saturating_sub(chart.first);
    let width = length.div_ceil(BINS_MAX).max(1);
    let mut bins = vec![Bin::default(); usize::try_from(length.div_ceil(width)).unwrap_or(0)];
    for entry in report.entries.iter() {
        let place = entry.index.saturating_sub(chart.first) / width;
        if let Some(bin) = usize::try_from(place)
            .ok()
            .and_then(|place| bins.get_mut(place))
        {
            bin.add(&entry);
        }
    }
    Some((chart, width, bins))
}

/// The entries of a bin: from the first to before the last one's neighbour.
fn edges(chart: Chart, width: u64, place: u64) -> (u64, u64) {
    let from = chart.first.saturating_add(place.saturating_mul(width));
    (from, from.saturating_add(width).min(chart.end))
}

fn range(from: u64, to: u64) -> String {
    let last = to.saturating_sub(1);
    if last <= from {
        format!("entry {}", Number(from))
    } else {
        format!("entries {} to {}", Number(from), Number(last))
    }
}

fn bar(page: &mut Html, chart: Chart, width: u64, place: u64, bin: Bin, most: u64) {
    let (from, to) = edges(chart, width, place);
    // A gap between bars, where they are wide enough for one.
    let whole = chart.width(from, to).0;
    let wide = Tenths(if whole > 40 {
        whole.saturating_sub(15)
    } else {
        whole
    });
    let parts = [
        ("counts", "count", bin.counts),
        ("superseded", "superseded", bin.superseded),
        ("carried", "without a meaning here", bin.other),
        ("refused", "count for nothing", bin.refused),
    ];
    let parts = parts.iter().filter(|(_, _, number)| *number > 0);
    let said: Vec<String> = parts
        .clone()
        .map(|(_, word, number)| format!("{} {word}", Number(*number)))
        .collect();
    page.put(format_args!(
        "<g class=\"bar\"><title>{}: {}</title>",
        range(from, to),
        said.join(", ")
    ));
    let mut below = 0_u64;
    for (class, _, number) in parts {
        let scaled = u128::from(*number) * u128::from(HEIGHT * 10) / u128::from(most);
        // Whatever there is one of is to be seen.
        let high = u64::try_from(scaled).unwrap_or(0).max(20);
        let top = (TOP + HEIGHT)
            .saturating_mul(10)
            .saturating_sub(below)
            .saturating_sub(high);
        below = below.saturating_add(high);
        page.put(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{wide}\" height=\"{}\"/>",
            chart.x(from),
            Tenths(top),
            Tenths(high),
        ));
    }
    page.raw("</g>\n");
}

/// Indices along the lower edge.
pub(super) fn axis(page: &mut Html, chart: Chart, y: u64) {
    for tick in chart.ticks() {
        let x = chart.x(tick);
        let anchor = if tick == chart.first {
            "start"
        } else if tick.saturating_add(1) >= chart.end {
            "end"
        } else {
            "middle"
        };
        let at = if anchor == "end" {
            chart.x(chart.end)
        } else {
            x
        };
        page.put(format_args!(
            "<line class=\"tick\" x1=\"{at}\" x2=\"{at}\" y1=\"{}\" y2=\"{}\"/><text class=\"axis\" text-anchor=\"{anchor}\" x=\"{at}\" y=\"{y}\">{}</text>\n",
            y.saturating_sub(16),
            y.saturating_sub(11),
            Number(tick),
        ));
    }
}

/// When the first and the last entry were logged, as far as anybody tells.
fn bounds(page: &mut Html, report: &Report) {
    let first = report.entries.iter().next();
    let last = report.entries.iter().next_back();
    let mut said = Vec::new();
    if let Some(at) = first.and_then(|entry| entry.not_after) {
        said.push(format!(
            "the first of these entries was logged before {}",
            time(at)
        ));
    }
    if let Some(at) = last.as_ref().and_then(|entry| entry.not_before) {
        said.push(format!("the last one after {}", time(at)));
    }
    if said.is_empty() {
        page.put(format_args!(
            "<p class=\"about\">{}</p>\n",
            Text("No witness says when anything was logged: there is order, and no time.")
        ));
    } else {
        page.put(format_args!(
            "<p class=\"about\">By the clocks of witnesses, {}.</p>\n",
            said.join(", ")
        ));
    }
}
