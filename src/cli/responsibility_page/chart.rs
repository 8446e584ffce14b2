//! Each domain by state: where the open ones are.

use std::collections::BTreeMap;

use crate::cli::audit_page::html::{Html, Text};
use crate::responsibility::{Report, State, domain_title};

/// Left of the bars stand names.
const LEFT: u64 = 300;
/// How wide the longest bar is.
const WIDTH: u64 = 860;
/// How high a row is.
const ROW: u64 = 26;

/// The states in the order of a bar.
const STATES: [State; 8] = [
    State::NotMet,
    State::Unclear,
    State::Stale,
    State::Unproven,
    State::Uncovered,
    State::InPart,
    State::Evidenced,
    State::Provider,
];

pub(super) fn write(page: &mut Html, report: &Report) {
    let mut domains: BTreeMap<&str, BTreeMap<State, u64>> = BTreeMap::new();
    for control in report.controls.iter().filter(|it| it.state != State::None) {
        let states = domains.entry(&control.domain).or_default();
        let count = states.entry(control.state).or_default();
        *count = count.saturating_add(1);
    }
    page.section("domains", "By domain", "Each square is a control.");
    let longest = domains
        .values()
        .map(|states| states.values().sum::<u64>())
        .max();
    let unit = WIDTH
        .checked_div(longest.unwrap_or(1))
        .unwrap_or(1)
        .clamp(4, 44);
    let rows = u64::try_from(domains.len()).unwrap_or(0);
    page.put(format_args!(
        "<div class=\"wide\" role=\"region\" aria-label=\"Controls by domain and state\" tabindex=\"0\">\
         <svg viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"domains-title\">\n",
        LEFT + WIDTH + 20,
        rows.saturating_mul(ROW).saturating_add(8),
    ));
    for (row, (domain, states)) in domains.iter().enumerate() {
        let y = u64::try_from(row)
            .unwrap_or(0)
            .saturating_mul(ROW)
            .saturating_add(4);
        bar(page, domain, states, y, unit);
    }
    page.raw("</svg></div>\n<ul class=\"legend\">");
    for state in STATES {
        page.put(format_args!(
            "<li><i class=\"{}\"></i>{}</li>",
            state.as_str(),
            state.title()
        ));
    }
    page.raw("</ul>\n</section>\n");
}

fn bar(page: &mut Html, domain: &str, states: &BTreeMap<State, u64>, y: u64, unit: u64) {
    page.put(format_args!(
        "<g><text class=\"name\" x=\"{}\" y=\"{}\">{} {}</text>",
        LEFT.saturating_sub(12),
        y.saturating_add(16),
        domain_title(domain),
        Text(domain),
    ));
    let mut x = LEFT;
    for state in STATES {
        let number = states.get(&state).copied().unwrap_or(0);
        if number == 0 {
            continue;
        }
        page.put(format_args!(
            "<g class=\"squares\"><title>{}: {number} {}</title>",
            domain_title(domain),
            state.title()
        ));
        for _ in 0..number {
            page.put(format_args!(
                "<rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"3\"/>",
                state.as_str(),
                unit.saturating_sub(3).max(1),
                ROW.saturating_sub(5),
            ));
            x = x.saturating_add(unit);
        }
        page.raw("</g>");
    }
    page.raw("</g>\n");
}
