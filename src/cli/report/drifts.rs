//! Drifts in the report for people, owner by owner, and all about one path.

use std::collections::BTreeMap;

use super::excerpt::{self, Excerpt};
use super::page::{BOLD, DIM, Detail, GREEN, Page, RED, YELLOW};
use crate::appraise::{Change, Drift, Explanation, Group, Lines, Owner, Report, Severity};
use crate::order;
use crate::path::ImagePath;

/// Paths shown of one owner, but that critical ones are never left out; the rest is counted, and is in the JSON report.
const PATHS_SHOWN: usize = 20;
/// Unchecked paths shown.
const UNCHECKED_SHOWN: usize = 10;
/// So many paths of another owner make one event.
const OWNER_EVENT: usize = 20;

/// Lines shown of one file's difference, and with `--explain`.
const LINES_SHOWN: usize = 8;
const LINES_EXPLAINED: usize = 400;
/// Critical paths shown of one owner, however many others there are.
const CRITICAL_SHOWN: usize = 1000;

impl Page<'_> {
    /// What drifted and what was not checked.
    pub(super) fn report(&mut self, report: &Report, packages: &[Group]) {
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

    /// All about one path.
    pub(super) fn explanation(&mut self, explanation: &Explanation, packages: &[Group]) {
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
pub(super) struct OwnerEvent<'a> {
    pub(super) owner: (u32, u32),
    count: usize,
    example: &'a ImagePath,
}

/// Takes the drifts of one such event out.
pub(super) fn owner_event(drifts: &[Drift]) -> (Option<OwnerEvent<'_>>, Vec<&Drift>) {
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
