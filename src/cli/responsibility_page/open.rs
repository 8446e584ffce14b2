//! What nobody has shown: the worst first.

use super::evidence;
use crate::cli::audit_page::html::{Html, Number, Text};
use crate::responsibility::{ControlFacts, Holds, Report, State, domain_title};

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section(
        "open",
        "What is open",
        "Yours or shared, and nobody has shown it: the worst first. What karat cannot show has to be \
         shown otherwise.",
    );
    if report.counts.open() == 0 {
        page.raw("<p class=\"nothing\">Nothing.</p>\n</section>\n");
        return;
    }
    for state in State::OPEN {
        let states = [state];
        let controls: Vec<&ControlFacts> = report.in_states(&states).collect();
        if controls.is_empty() {
            continue;
        }
        let (title, about) = match state {
            State::NotMet => ("Not met", "Evidence speaks against these."),
            State::Unclear => (
                "Could not be told",
                "Evidence could not be read, or could not tell.",
            ),
            State::Stale => ("Evidence too old", "It held when it was made."),
            State::Unproven => (
                "Evidence not given",
                "karat can show these: give it what is missing, or sign it.",
            ),
            _ => (
                "Not covered",
                "No evidence of karat\u{2019}s speaks about these. They are yours all the same.",
            ),
        };
        page.put(format_args!(
            "<h3 class=\"state {}\">{title} <span>{}</span></h3>\n<p class=\"about\">{about}</p>\n",
            state.as_str(),
            Number(u64::try_from(controls.len()).unwrap_or(u64::MAX)),
        ));
        if state == State::Uncovered {
            uncovered(page, &controls);
        } else {
            page.raw("<ol class=\"found\">\n");
            for control in controls {
                item(page, control);
            }
            page.raw("</ol>\n");
        }
    }
    page.raw("</section>\n");
}

fn item(page: &mut Html, control: &ControlFacts) {
    page.put(format_args!(
        "<li class=\"{}\"><p class=\"what\"><span class=\"subject\">{}</span> <code>{}</code>{}</p>",
        control.state.as_str(),
        Text(&control.title),
        Text(&control.id),
        ids(control),
    ));
    if let Some(duty) = &control.customer_duty {
        page.put(format_args!("<p>{}</p>", Text(duty)));
    }
    let (weak, rest): (Vec<_>, Vec<_>) = control
        .grouped()
        .into_iter()
        .partition(|(_, it)| it.holds < Holds::InPart);
    evidence::list(page, &weak);
    if !rest.is_empty() {
        page.put(format_args!(
            "<details><summary>What holds all the same <span>{}</span></summary>",
            Number(u64::try_from(rest.len()).unwrap_or(u64::MAX)),
        ));
        evidence::list(page, &rest);
        page.raw("</details>");
    }
    page.raw("</li>\n");
}

/// By domain, short: there is nothing to say about them but what they are.
fn uncovered(page: &mut Html, controls: &[&ControlFacts]) {
    page.raw("<div class=\"domains\">\n");
    let mut last = "";
    for control in controls {
        if control.domain != last {
            if !last.is_empty() {
                page.raw("</ul></div>\n");
            }
            last = &control.domain;
            page.put(format_args!(
                "<div><h4>{} <code>{}</code></h4><ul>\n",
                domain_title(last),
                Text(last),
            ));
        }
        let duty = control.customer_duty.as_deref().unwrap_or_default();
        page.put(format_args!(
            "<li><b>{}</b> {}<small>{}</small></li>\n",
            Text(&control.title),
            Text(duty),
            plain_ids(control),
        ));
    }
    page.raw("</ul></div>\n</div>\n");
}

/// What others call it.
pub(super) fn ids(control: &ControlFacts) -> String {
    format!("<span class=\"ids\">{}</span>", plain_ids(control))
}

fn plain_ids(control: &ControlFacts) -> String {
    let groups = [
        ("CCM", &control.ccm),
        ("NIST", &control.nist),
        ("CIS", &control.cis),
    ];
    let said: Vec<String> = groups
        .iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(name, ids)| format!("{name} {}", Text(&ids.join(", "))))
        .collect();
    said.join(" \u{b7} ")
}
