//! A responsibility report, for people: what is open first, and short. JSON and CSV have all of it.

use std::collections::BTreeMap;

use super::console::{BAD, BOLD, Console, DIM, GOOD, WARN};
use crate::responsibility::{
    ControlFacts, Evidence, Holds, Report, RuleLine, State, Verdict, Weight, domain_title,
};
use crate::tree::Epoch;

/// Images named with one piece of evidence.
const IMAGES_SHOWN: usize = 3;
/// Rules shown of one piece of evidence.
const RULES_SHOWN: usize = 5;
/// Findings shown.
const FINDINGS_SHOWN: usize = 20;

/// Shows a report; with `all` every control with its duty, else those that want something to be done.
pub(super) fn show(report: &Report, all: bool, console: &Console) {
    head(report, console);
    findings(report, console);
    for state in State::OPEN {
        open(report, state, all, console);
    }
    for (state, style) in [(State::InPart, WARN), (State::Evidenced, GOOD)] {
        shown(report, state, style, all, console);
    }
    provider(report, all, console);
    let verdict = match report.verdict {
        Verdict::Untrusted => format!("{BAD}something is not to be trusted{BAD:#}"),
        Verdict::NotMet => format!("{BAD}controls are not met{BAD:#}"),
        Verdict::Incomplete => format!("{WARN}evidence is too old or could not be read{WARN:#}"),
        Verdict::Open => format!("{WARN}controls are open{WARN:#}"),
        Verdict::Evidenced => format!("{GOOD}each control of the customer has evidence{GOOD:#}"),
    };
    console.line(format_args!(
        "\n{verdict}  {DIM}evidence, not compliance: whether it is enough is for a person to say{DIM:#}"
    ));
}

fn head(report: &Report, console: &Console) {
    console.line(format_args!(
        "{BOLD}{} on {} ({}){BOLD:#}  {DIM}{}, {} controls{DIM:#}",
        match report.images.len() {
            1 => "1 image".to_owned(),
            many => format!("{many} images"),
        },
        report.provider.title(),
        report.model.title(),
        date(report.at),
        report.matrix.controls
    ));
    for image in &report.images {
        let name = image.name.as_deref().unwrap_or(&image.file);
        let style = match image.standing {
            "signed" => GOOD,
            "unsigned" => WARN,
            _ => BAD,
        };
        let more = match (&image.signed, &image.why) {
            (Some(by), _) => format!("by {} of {} keys needed", by.keys.len(), by.threshold),
            (None, Some(why)) => why.clone(),
            (None, None) => "evidence of the builder only".to_owned(),
        };
        console.line(format_args!(
            "  {name}  {style}{}{style:#}  {DIM}{more}{DIM:#}",
            image.standing
        ));
    }
    let counts = &report.counts;
    let parts = [
        (counts.not_met, "not met"),
        (counts.unclear, "could not be told"),
        (counts.stale, "with old evidence"),
        (
            counts.unproven,
            "without the evidence that karat could give",
        ),
        (counts.uncovered, "that karat cannot show"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let said = if said.is_empty() {
        "nothing".to_owned()
    } else {
        said.join(", ")
    };
    console.line(format_args!("  open        {said}"));
    console.line(format_args!(
        "  shown       {} in full, {} in part",
        counts.evidenced, counts.in_part
    ));
    console.line(format_args!(
        "  provider    {} are the provider\u{2019}s alone",
        counts.provider
    ));
}

fn findings(report: &Report, console: &Console) {
    if report.findings.is_empty() {
        return;
    }
    console.line(format_args!("\n{BOLD}About the evidence itself{BOLD:#}"));
    for finding in report.findings.iter().take(FINDINGS_SHOWN) {
        let (style, word) = match finding.weight {
            Weight::Untrusted => (BAD, "untrusted"),
            Weight::Incomplete => (WARN, "incomplete"),
            Weight::Note => (DIM, "note"),
        };
        console.line(format_args!(
            "  {style}{word}{style:#}  {}: {}",
            finding.subject, finding.text
        ));
    }
    let left = report.findings.len().saturating_sub(FINDINGS_SHOWN);
    if left > 0 {
        console.line(format_args!("  {DIM}and {left} more{DIM:#}"));
    }
}

fn open(report: &Report, state: State, all: bool, console: &Console) {
    let states = [state];
    let mut controls = report.in_states(&states).peekable();
    if controls.peek().is_none() {
        return;
    }
    let (style, title) = match state {
        State::NotMet => (BAD, "Not met"),
        State::Unclear => (WARN, "Could not be told"),
        State::Stale => (WARN, "Evidence too old"),
        State::Unproven => (WARN, "Evidence not given"),
        _ => (WARN, "Not covered: show these otherwise"),
    };
    console.line(format_args!("\n{style}{title}{style:#}"));
    if state == State::Uncovered && !all {
        uncovered(&controls.collect::<Vec<_>>(), console);
        return;
    }
    for control in controls {
        name(control, console);
        if all && let Some(duty) = &control.customer_duty {
            console.line(format_args!("    {duty}"));
        }
        let groups = control.grouped();
        let weak = groups
            .iter()
            .filter(|(_, it)| all || it.holds < Holds::InPart);
        for (images, evidence) in weak {
            one(images, evidence, console);
        }
    }
}

/// A line for each domain: there is nothing to say about them but what they are.
fn uncovered(controls: &[&ControlFacts], console: &Console) {
    let mut domains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for control in controls {
        let titles = domains.entry(&control.domain).or_default();
        titles.push(&control.title);
    }
    for (domain, titles) in domains {
        console.line(format_args!(
            "  {BOLD}{}{BOLD:#} {DIM}{domain}{DIM:#}",
            domain_title(domain)
        ));
        console.line(format_args!("    {}", titles.join("; ")));
    }
}

fn shown(report: &Report, state: State, style: anstyle::Style, all: bool, console: &Console) {
    let states = [state];
    let mut controls = report.in_states(&states).peekable();
    if controls.peek().is_none() {
        return;
    }
    let title = match state {
        State::InPart => "Evidence in part",
        _ => "Evidence holds",
    };
    console.line(format_args!("\n{style}{title}{style:#}"));
    for control in controls {
        name(control, console);
        if let Some(gap) = control.gap.as_ref().filter(|_| all) {
            console.line(format_args!("    {DIM}not shown: {gap}{DIM:#}"));
        }
        for (images, evidence) in control.grouped().iter().filter(|_| all) {
            one(images, evidence, console);
        }
    }
}

fn provider(report: &Report, all: bool, console: &Console) {
    let states = [State::Provider];
    let controls: Vec<&ControlFacts> = report.in_states(&states).collect();
    if controls.is_empty() {
        return;
    }
    console.line(format_args!(
        "\n{BOLD}The provider\u{2019}s{BOLD:#}  {DIM}reports in {}{DIM:#}",
        report.provider.portal()
    ));
    for control in controls {
        name(control, console);
        if all && let Some(part) = &control.provider_part {
            console.line(format_args!("    {part}"));
        }
        if all && let Some(found) = &control.provider_report {
            console.line(format_args!("    {DIM}{found}{DIM:#}"));
        }
    }
}

fn name(control: &ControlFacts, console: &Console) {
    let ids: Vec<&str> = control
        .ccm
        .iter()
        .chain(&control.nist)
        .map(String::as_str)
        .collect();
    console.line(format_args!(
        "  {BOLD}{}{BOLD:#}  {}  {DIM}{}{DIM:#}",
        control.id,
        control.title,
        ids.join(" ")
    ));
}

fn one(images: &[&str], evidence: &Evidence, console: &Console) {
    let style = match evidence.holds {
        Holds::No => BAD,
        Holds::Yes => GOOD,
        _ => WARN,
    };
    console.line(format_args!(
        "    {style}{}{style:#} {}  {}: {}",
        evidence.holds.as_str(),
        evidence.kind.as_str(),
        named(images),
        evidence.text
    ));
    let bad: Vec<&RuleLine> = evidence
        .rules
        .iter()
        .filter(|rule| rule.outcome != crate::harden::Outcome::NotApplicable)
        .collect();
    for rule in bad.iter().take(RULES_SHOWN) {
        console.line(format_args!(
            "      {} {}: {}",
            rule.id,
            rule.outcome.word(),
            rule.reason
        ));
    }
    let left = bad.len().saturating_sub(RULES_SHOWN);
    if left > 0 {
        console.line(format_args!("      {DIM}and {left} more rules{DIM:#}"));
    }
    if let Some(next) = &evidence.next {
        console.line(format_args!("      {DIM}next: {next}{DIM:#}"));
    }
}

/// Some of the images by name, the others by number.
fn named(images: &[&str]) -> String {
    let some: Vec<&str> = images.iter().take(IMAGES_SHOWN).copied().collect();
    match images.len().saturating_sub(IMAGES_SHOWN) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

fn date(seconds: u64) -> String {
    Epoch::saturating(seconds).rfc3339()
}
