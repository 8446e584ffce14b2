//! All controls, to be searched and sorted.

use std::collections::{BTreeMap, BTreeSet};

use super::open::ids;
use crate::cli::audit_page::html::{Html, Text};
use crate::responsibility::{ControlFacts, Report, State};

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section("controls", "All controls", "");
    filters(page, report);
    page.table(
        "control-table",
        "Every control of the matrix, what is open first",
        &[
            "Control",
            "State",
            "Owner",
            "The customer\u{2019}s duty",
            "Not shown",
        ],
    );
    for control in &report.controls {
        row(page, control);
    }
    page.end_table();
    page.raw("</section>\n");
}

/// Shown by the script, which alone can use them.
fn filters(page: &mut Html, report: &Report) {
    let (mut states, mut owners, mut domains) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for control in &report.controls {
        states.insert(control.state, control.state.title());
        owners.insert(control.owner.as_str());
        domains.insert(control.domain.as_str());
    }
    page.raw(
        "<form id=\"filters\" data-table=\"control-table\" hidden>\n\
         <label>Text <input type=\"search\" name=\"text\" autocomplete=\"off\"></label>\n",
    );
    let states = states.iter().map(|(state, title)| (state.as_str(), *title));
    select(page, "State", "state", states);
    select(page, "Owner", "owner", owners.iter().map(|it| (*it, *it)));
    select(
        page,
        "Domain",
        "domain",
        domains.iter().map(|it| (*it, *it)),
    );
    page.raw(
        "<button type=\"reset\">Clear</button>\n<output aria-live=\"polite\"></output>\n</form>\n",
    );
}

fn select<'a>(
    page: &mut Html,
    label: &str,
    name: &str,
    options: impl Iterator<Item = (&'a str, &'a str)>,
) {
    page.put(format_args!(
        "<label>{label} <select name=\"{name}\"><option value=\"\">any</option>"
    ));
    for (value, text) in options {
        page.put(format_args!(
            "<option value=\"{}\">{}</option>",
            Text(value),
            Text(text)
        ));
    }
    page.raw("</select></label>\n");
}

fn row(page: &mut Html, control: &ControlFacts) {
    let class = match control.state {
        State::NotMet => "fault",
        State::Unclear | State::Stale => "policy",
        State::Unproven | State::Uncovered => "open",
        State::InPart => "note",
        State::Evidenced => "valid",
        State::Provider | State::None => "ended",
    };
    page.put(format_args!(
        "<tr data-state=\"{0}\" data-owner=\"{1}\" data-domain=\"{2}\"><th scope=\"row\">{3}<small><code>{4}</code>{5}</small></th>\
         <td><span class=\"badge {class}\">{6}</span></td><td>{1}</td><td>{7}</td><td>{8}</td></tr>\n",
        control.state.as_str(),
        control.owner.as_str(),
        Text(&control.domain),
        Text(&control.title),
        Text(&control.id),
        ids(control),
        control.state.title(),
        Text(control.customer_duty.as_deref().unwrap_or("\u{2013}")),
        Text(control.gap.as_deref().unwrap_or("\u{2013}")),
    ));
}
