//! What has evidence, and what is the provider's.

use super::evidence;
use super::open::ids;
use crate::cli::audit_page::html::{Html, Number, Text};
use crate::responsibility::{ControlFacts, Report, State};

pub(super) fn shown(page: &mut Html, report: &Report) {
    page.section(
        "shown",
        "Yours, with evidence",
        "Evidence holds for these. Where it does not show all of a control, that is said.",
    );
    let controls: Vec<&ControlFacts> = report.in_states(&State::SHOWN).collect();
    if controls.is_empty() {
        page.raw("<p class=\"nothing\">None.</p>\n</section>\n");
        return;
    }
    page.raw("<ol class=\"found\">\n");
    for control in controls {
        item(page, control);
    }
    page.raw("</ol>\n</section>\n");
}

fn item(page: &mut Html, control: &ControlFacts) {
    let (class, word) = match control.state {
        State::Evidenced => ("valid", "evidence holds"),
        _ => ("note", "in part"),
    };
    page.put(format_args!(
        "<li class=\"{}\"><p class=\"what\"><span class=\"badge {class}\">{word}</span> <span class=\"subject\">{}</span> \
         <code>{}</code>{}</p>",
        control.state.as_str(),
        Text(&control.title),
        Text(&control.id),
        ids(control),
    ));
    if let Some(duty) = &control.customer_duty {
        page.put(format_args!("<p>{}</p>", Text(duty)));
    }
    if let Some(gap) = &control.gap {
        page.put(format_args!(
            "<p class=\"next\">Not shown: {}</p>",
            Text(gap)
        ));
    }
    let all = control.grouped();
    page.put(format_args!(
        "<details><summary>Evidence <span>{}</span></summary>",
        Number(u64::try_from(all.len()).unwrap_or(u64::MAX)),
    ));
    evidence::list(page, &all);
    page.raw("</details></li>\n");
}

pub(super) fn provider(page: &mut Html, report: &Report) {
    let title = format!("What {} does", report.provider.title());
    let about = format!(
        "Its part, alone or shared. Its auditors\u{2019} reports are in the {}: read them, karat does not.",
        report.provider.portal()
    );
    page.section("provider", &title, &about);
    let controls: Vec<&ControlFacts> = report
        .controls
        .iter()
        .filter(|control| control.provider_part.is_some())
        .collect();
    if controls.is_empty() {
        page.raw("<p class=\"nothing\">Nothing.</p>\n</section>\n");
        return;
    }
    page.table(
        "provider-table",
        "The provider\u{2019}s part of each control, and where its report is found",
        &["Control", "Whose", "Its part", "Where its report is found"],
    );
    for alone in [true, false] {
        let owned = |control: &&&ControlFacts| (control.state == State::Provider) == alone;
        for control in controls.iter().filter(owned) {
            row(page, control);
        }
    }
    page.end_table();
    page.raw("</section>\n");
}

fn row(page: &mut Html, control: &ControlFacts) {
    let (class, word) = match control.state {
        State::Provider => ("ended", "the provider\u{2019}s"),
        _ => ("note", "shared"),
    };
    let note = control
        .provider_note
        .as_deref()
        .map(|note| format!(" {}", Text(note)));
    page.put(format_args!(
        "<tr><th scope=\"row\">{}<small>{}</small></th><td><span class=\"badge {class}\">{word}</span></td>\
         <td>{}{}</td><td>{}</td></tr>\n",
        Text(&control.title),
        ids(control),
        Text(control.provider_part.as_deref().unwrap_or_default()),
        note.unwrap_or_default(),
        Text(control.provider_report.as_deref().unwrap_or("\u{2013}")),
    ));
}
