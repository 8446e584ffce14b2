//! The report for people: the verdict first, then what drifted by owner, then what to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::canonical;
use super::excerpt::{self, Excerpt};
use crate::appraise::fact::FactCounts;
use crate::appraise::{
    Change, Drift, Explanation, Facts, Group, Lines, Owner, Remembered, Report, Severity, Verdict,
    Verification,
};
use crate::order;
use crate::path::{Escaped, ImagePath};

/// Whether to colour the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With ANSI colours.
    Colour,
    /// Without.
    Plain,
}

/// How much of a report to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What matters most of each owner, upgraded packages as one event.
    Short,
    /// Every path.
    Full,
}

/// Paths shown of one owner, but that critical ones are never left out; the rest is counted, and is in the JSON report.
const PATHS_SHOWN: usize = 20;
/// Unchecked paths shown.
const UNCHECKED_SHOWN: usize = 10;
/// Facts named of those that do not apply for one reason.
const FACTS_SHOWN: usize = 3;
/// So many paths of another owner make one event.
const OWNER_EVENT: usize = 20;

/// Lines shown of one file's difference, and with `--explain`.
const LINES_SHOWN: usize = 8;
const LINES_EXPLAINED: usize = 400;
/// Critical paths shown of one owner, however many others there are.
const CRITICAL_SHOWN: usize = 1000;

/// The report as text, each line ended by a line feed.
pub fn text(verification: &Verification, style: Style, detail: Detail) -> String {
    let mut page = Page {
        text: String::new(),
        style,
        detail,
        lines: &verification.lines,
    };
    page.headline(verification);
    if let Some(facts) = &verification.baseline {
        page.facts(facts);
    }
    if let Some(report) = &verification.report {
        page.counts(report);
    }
    if let Some(nonce) = &verification.nonce {
        let digest = canonical::digest(verification);
        page.line(format_args!("  answers    nonce {nonce}"));
        page.line(format_args!(
            "             with sha256 {digest}, of the canonical report"
        ));
    }
    page.circumstances(verification);
    for finding in &verification.findings {
        let (name, colour) = match finding.verdict {
            Verdict::Match => ("warning", YELLOW),
            verdict => (verdict.name(), RED),
        };
        let name = page.paint(name, colour);
        page.line(format_args!(
            "{name}: {}",
            Escaped(finding.message.as_bytes())
        ));
    }
    if let Some(artefact) = &verification.artefact
        && !artefact.is_as_signed()
    {
        let (expected, observed) = (artefact.expected, artefact.observed);
        page.line(format_args!(
            "{} as a whole is not as signed: sha256 {expected} -> {observed}",
            Escaped(artefact.name.as_bytes())
        ));
        if verification
            .report
            .as_ref()
            .is_some_and(|report| report.drifts.is_empty())
        {
            page.line(format_args!(
                "  every path in it matches: what differs is the archive around them (order, times, layers)"
            ));
        }
    }
    match (&verification.explanation, &verification.report) {
        (Some(explanation), _) => page.explanation(explanation, &verification.groups),
        (None, Some(report)) => page.report(report, &verification.groups),
        (None, None) => {}
    }
    for hint in hints(verification) {
        let next = page.paint("next:", BOLD);
        page.line(format_args!("{next} {hint}"));
    }
    page.text
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[1;32m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";

struct Page<'a> {
    text: String,
    style: Style,
    detail: Detail,
    /// Which lines differ of changed files.
    lines: &'a BTreeMap<ImagePath, Lines>,
}

impl Page<'_> {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(self.text, "{line}");
    }

    fn paint(&self, text: &str, colour: &str) -> String {
        match self.style {
            Style::Colour => format!("{colour}{text}\x1b[0m"),
            Style::Plain => text.to_owned(),
        }
    }

    fn headline(&mut self, verification: &Verification) {
        let verdict = verification.verdict();
        let name = verdict.name().to_uppercase();
        let colour = match verdict {
            Verdict::Match => GREEN,
            Verdict::Incomplete => YELLOW,
            Verdict::Drift | Verdict::Rollback | Verdict::Untrusted => RED,
        };
        let name = self.paint(&name, colour);
        let also: Vec<&str> = verification
            .verdicts()
            .into_iter()
            .skip(1)
            .map(Verdict::name)
            .collect();
        let also = if also.is_empty() {
            String::new()
        } else {
            format!(" (also {})", also.join(", "))
        };
        let path = Escaped(verification.target.path.as_bytes());
        let what = match &verification.baseline {
            Some(facts) => format!(
                "{path} against {} {}, serial {}",
                Escaped(facts.name.as_bytes()),
                Escaped(facts.version.as_bytes()),
                facts.serial
            ),
            None => path.to_string(),
        };
        self.line(format_args!("{name}{also}  {what}"));
    }

    fn facts(&mut self, facts: &Facts) {
        let keys = facts.signed_by.join(", ");
        self.line(format_args!(
            "  signed by  {keys} ({} needed; trust root version {})",
            facts.threshold, facts.trust_root
        ));
        if let Some(log) = &facts.log {
            let witnesses = match log.cosigned_by.as_slice() {
                [] => "no witness".to_owned(),
                names => Escaped(names.join(", ").as_bytes()).to_string(),
            };
            self.line(format_args!(
                "  logged     as entry {} of {} in {} (cosigned by {witnesses})",
                log.index,
                log.size,
                Escaped(log.origin.as_bytes())
            ));
        }
        self.line(format_args!("  epoch      {}", facts.epoch.rfc3339()));
    }

    fn circumstances(&mut self, verification: &Verification) {
        let circumstances = &verification.circumstances;
        let assurance = circumstances.assurance;
        self.line(format_args!(
            "  assurance: {assurance}; {}",
            assurance.meaning()
        ));
        if let Some(remembered) = &circumstances.remembered {
            let floor = |floor: Option<u64>| {
                floor.map_or_else(|| "none yet".to_owned(), |it| it.to_string())
            };
            self.line(format_args!(
                "  rollback: {}; lowest serial {}, lowest trust root {}",
                Remembered::PROTECTION,
                floor(remembered.serial),
                floor(remembered.trust_root)
            ));
        }
    }

    fn counts(&mut self, report: &Report) {
        let checked = report.checked;
        self.line(format_args!(
            "  checked    {} paths, {} files with {} bytes",
            checked.paths, checked.files, checked.bytes
        ));
        if !report.exempted.is_empty() {
            let list: Vec<String> = report
                .exempted
                .iter()
                .map(|(class, count)| format!("{count} {class}"))
                .collect();
            self.line(format_args!("  exempted   {}", list.join(", ")));
        }
        self.facts_counts(&report.facts);
    }

    fn facts_counts(&mut self, facts: &FactCounts) {
        if *facts == FactCounts::default() {
            return;
        }
        let not_applicable: usize = facts.not_applicable.values().map(Vec::len).sum();
        self.line(format_args!(
            "  facts      {} held, {} drifted, {} not checked, {not_applicable} not applicable",
            facts.held, facts.drifted, facts.not_checked
        ));
        for (reason, names) in &facts.not_applicable {
            let shown: Vec<&str> = names.iter().take(FACTS_SHOWN).map(String::as_str).collect();
            let more = match names.len().saturating_sub(FACTS_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.line(format_args!(
                "             not applicable: {reason} ({}{more})",
                shown.join(", ")
            ));
        }
    }

    fn report(&mut self, report: &Report, packages: &[Group]) {
        let (event, drifts) = owner_event(&report.drifts);
        if let Some(event) = event {
            self.line(format_args!(""));
            let head = self.paint(
                &format!(
                    "{} paths belong to {}:{}",
                    event.count, event.owner.0, event.owner.1
                ),
                RED,
            );
            self.line(format_args!("{head}, such as {}", event.example));
        }
        let events: Vec<&Group> = packages.iter().filter(|group| group.is_event()).collect();
        let mut groups: BTreeMap<String, Vec<&Drift>> = BTreeMap::new();
        for drift in drifts {
            let name = drift.owner.origin().to_string();
            groups.entry(name).or_default().push(drift);
        }
        let mut groups: Vec<(String, Vec<&Drift>)> = groups.into_iter().collect();
        // The worst group first; groups as bad as each other by name.
        let worst_of = |drifts: &[&Drift]| drifts.iter().map(|drift| drift.severity).max();
        order::sort_by(&mut groups, |a, b| worst_of(&b.1).cmp(&worst_of(&a.1)));
        for (origin, drifts) in groups {
            let of_drifts = |group: &&Group| {
                let first = drifts.first();
                first.is_some_and(|drift| group.is_of(drift.owner.origin()))
            };
            let event = events.iter().copied().find(of_drifts);
            self.group(&origin, &drifts, event);
        }
        if !events.is_empty() {
            self.line(format_args!(
                "note: other versions are by the package database of what was verified, which whoever \
                 changes files can change too"
            ));
        }
        if !report.not_checked.is_empty() {
            self.line(format_args!(""));
            let count = report.not_checked.len();
            let head = self.paint(&format!("not checked: {count}"), YELLOW);
            self.line(format_args!(
                "{head} (and {} listed paths below them)",
                report.paths_not_checked
            ));
            for item in report.not_checked.iter().take(UNCHECKED_SHOWN) {
                self.line(format_args!("  {}: {}", item.path, item.reason));
            }
            if count > UNCHECKED_SHOWN {
                self.line(format_args!("  and {} more", count - UNCHECKED_SHOWN));
            }
        }
        for note in &report.notes {
            self.line(format_args!("note: {note}"));
        }
    }

    /// The drifts of one owner; of a package with another version, as one event: what is not
    /// critical or high is counted only.
    fn group(&mut self, origin: &str, drifts: &[&Drift], event: Option<&Group>) {
        let paths = by_path(drifts);
        self.line(format_args!(""));
        let head = self.paint(origin, BOLD);
        let count = match paths.len() {
            1 => "1 path".to_owned(),
            count => format!("{count} paths"),
        };
        match event {
            Some(event) => self.line(format_args!("{head} {}", excerpt::event(event))),
            None => self.line(format_args!("{head}: {count}")),
        }
        let is_full = self.detail == Detail::Full;
        let mut shown: Vec<(&ImagePath, Vec<&Drift>)> = paths
            .iter()
            .filter(|(path, drifts)| {
                let is_listed = event.is_some() && worst(drifts) >= Severity::High;
                is_full || is_listed || !is_below_whole(path, drifts, &paths)
            })
            .map(|(path, drifts)| (*path, drifts.clone()))
            .collect();
        let total = shown.len();
        if !is_full {
            if event.is_some() {
                shown.retain(|(_, drifts)| worst(drifts) >= Severity::High);
            }
            if shown.len() > PATHS_SHOWN {
                order::sort_by(&mut shown, |a, b| worst(&b.1).cmp(&worst(&a.1)));
                let is_critical =
                    |(_, drifts): &(_, Vec<&Drift>)| worst(drifts) == Severity::Critical;
                let critical = shown.iter().take_while(|it| is_critical(it)).count();
                shown.truncate(PATHS_SHOWN.max(critical.min(CRITICAL_SHOWN)));
                order::sort_by(&mut shown, |a, b| a.0.cmp(b.0));
            }
        }
        for (path, drifts) in &shown {
            self.path(path, drifts, LINES_SHOWN);
            if is_full {
                continue;
            }
            let below = paths
                .iter()
                .filter(|(other, drifts)| {
                    ***other != **path
                        && other.is_within(path)
                        && is_below_whole(other, drifts, &paths)
                })
                .count();
            if below > 0 {
                self.line(format_args!("             with {below} paths below it"));
            }
        }
        if total > shown.len() {
            let more = total - shown.len();
            self.line(format_args!("  and {more} more; --verbose lists all"));
        }
    }

    /// One path, with no more than `most` lines of a difference.
    fn path(&mut self, path: &ImagePath, drifts: &[&Drift], most: usize) {
        let severity = worst(drifts);
        let colour = match severity {
            Severity::Critical | Severity::High => RED,
            Severity::Medium => YELLOW,
            Severity::Low => DIM,
        };
        let name = self.paint(&format!("{:<8}", severity.name()), colour);
        self.line(format_args!("  {name}   {path}"));
        let mut effects = Vec::new();
        for drift in drifts {
            self.line(format_args!("             {}", drift.change));
            if let (Change::Content { .. }, Some(lines)) = (&drift.change, self.lines.get(path)) {
                self.lines(lines, most);
            }
            for effect in &drift.effects {
                if !effects.contains(effect) {
                    effects.push(*effect);
                }
            }
        }
        for effect in effects {
            let effect = self.paint(&format!("= {effect}"), DIM);
            self.line(format_args!("             {effect}"));
        }
    }

    fn lines(&mut self, lines: &Lines, most: usize) {
        for excerpt in excerpt::lines(lines, most) {
            match excerpt {
                Excerpt::Line(line) => {
                    let colour = match line.as_bytes().first() {
                        Some(b'+') => GREEN,
                        Some(b'-') => RED,
                        _ => DIM,
                    };
                    let line = self.paint(&line, colour);
                    self.line(format_args!("             | {line}"));
                }
                Excerpt::Remark(text) => {
                    let text = self.paint(&format!("({text})"), DIM);
                    self.line(format_args!("             {text}"));
                }
            }
        }
    }

    fn explanation(&mut self, explanation: &Explanation, packages: &[Group]) {
        self.line(format_args!(""));
        let path = self.paint(&explanation.path.to_string(), BOLD);
        self.line(format_args!("{path}"));
        match &explanation.listed {
            Some(line) => self.line(format_args!("  signed as    {line}")),
            None => self.line(format_args!("  signed as    not listed")),
        }
        let observed = if explanation.is_observed {
            "there"
        } else {
            "not there"
        };
        self.line(format_args!("  observed     {observed}"));
        match &explanation.mutable {
            Some(mutable) => self.line(format_args!(
                "  expectation  {} ({}, asked for by {})",
                mutable.class, mutable.path, mutable.origin
            )),
            None => self.line(format_args!("  expectation  strict")),
        }
        if let Some(drift) = explanation.drifts.first() {
            let owner = match &drift.owner {
                Owner::Listed(origin) | Owner::Stated(origin) => origin.to_string(),
                Owner::Nearest(origin) => format!("nobody; the directory above is of {origin}"),
            };
            self.line(format_args!("  owner        {owner}"));
            let origin = drift.owner.origin();
            let of_package = packages.iter().find(|group| group.is_of(origin));
            if let Some(versions) = of_package.and_then(excerpt::versions) {
                self.line(format_args!("  version      {versions}"));
            }
            let drifts: Vec<&Drift> = explanation.drifts.iter().collect();
            self.path(&explanation.path, &drifts, LINES_EXPLAINED);
        } else {
            self.line(format_args!("  drift        none"));
        }
        for item in &explanation.not_checked {
            self.line(format_args!(
                "  not checked  {}: {}",
                item.path, item.reason
            ));
        }
    }
}

fn worst(drifts: &[&Drift]) -> Severity {
    drifts
        .iter()
        .map(|drift| drift.severity)
        .max()
        .unwrap_or(Severity::Low)
}

type ByPath<'a> = BTreeMap<&'a ImagePath, Vec<&'a Drift>>;

fn by_path<'a>(drifts: &[&'a Drift]) -> ByPath<'a> {
    let mut paths = ByPath::new();
    for drift in drifts {
        paths.entry(&drift.path).or_default().push(drift);
    }
    paths
}

/// Whether a path was added or removed with a directory above it, and is no worse than that says.
fn is_below_whole(path: &ImagePath, drifts: &[&Drift], paths: &ByPath<'_>) -> bool {
    let is_whole = |drifts: &[&Drift]| {
        drifts
            .iter()
            .any(|drift| matches!(drift.change, Change::Added(_) | Change::Removed))
    };
    is_whole(drifts)
        && worst(drifts) < Severity::Critical
        && path
            .parent()
            .is_some_and(|parent| paths.get(&parent).is_some_and(|drifts| is_whole(drifts)))
}

/// Very many paths with the same other owner.
struct OwnerEvent<'a> {
    owner: (u32, u32),
    count: usize,
    example: &'a ImagePath,
}

/// Takes the drifts of one such event out.
fn owner_event(drifts: &[Drift]) -> (Option<OwnerEvent<'_>>, Vec<&Drift>) {
    let mut counts: BTreeMap<(u32, u32), (usize, &ImagePath)> = BTreeMap::new();
    for drift in drifts {
        if let Change::Owner { observed, .. } = drift.change {
            counts.entry(observed).or_insert((0, &drift.path)).0 += 1;
        }
    }
    let Some((owner, (count, example))) = counts
        .into_iter()
        .filter(|(_, (count, _))| *count >= OWNER_EVENT)
        .max_by_key(|(_, (count, _))| *count)
    else {
        return (None, drifts.iter().collect());
    };
    let rest = drifts
        .iter()
        .filter(
            |drift| !matches!(drift.change, Change::Owner { observed, .. } if observed == owner),
        )
        .collect();
    let event = OwnerEvent {
        owner,
        count,
        example,
    };
    (Some(event), rest)
}

fn hints(verification: &Verification) -> Vec<String> {
    let mut hints: Vec<String> = verification
        .findings
        .iter()
        .filter_map(|finding| finding.hint.clone())
        .collect();
    let Some(report) = &verification.report else {
        return hints;
    };
    if let (Some(event), _) = owner_event(&report.drifts)
        && event.owner.0 != 0
    {
        hints.push(
            "owners are lost where an ordinary user unpacks an image: unpack as root with \
             'tar --numeric-owner --xattrs --xattrs-include=* -p', or check the archive with --tar"
                .to_owned(),
        );
    }
    if verification.explanation.is_none()
        && let Some(drift) = report.drifts.iter().max_by_key(|drift| drift.severity)
    {
        hints.push(format!(
            "--explain '{}' tells all about one path",
            drift.path
        ));
    }
    if !report.not_checked.is_empty() {
        hints.push(
            "run as root to read what could not be read, with nothing mounted inside".to_owned(),
        );
    }
    hints
}
