//! `karat harden check`.

use std::path::PathBuf;

use serde_json::json;

use super::exposure::{Exposures, show_faults};
use super::profile;
use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, DIM, GOOD, WARN, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::harden::exposure::{Survey, Surveyed};
use crate::harden::{Outcome, Profile, ResultOf, Results, Severity};
use crate::ops::harden::{CheckError, Checked, Place, Request, check};
use crate::path::Escaped;

/// Arguments of `karat harden check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a template, the shipped rules of server-l1 are checked, and nothing is excepted. Of the
running system (--root /), the values in force are looked at as well as the files. Nothing is
changed, and nothing of what is checked is run.

Examples:
  karat harden check                                        this machine, by server-l1
  karat harden check --profile strict --root /mnt
  karat harden check --oci out/base_1.oci --template templates/base.toml
  karat harden check --rules out/base_1.rules.json         what a build found; see karat verify
  karat harden check --verbose                              also why rules do not apply

Exit codes: 0 all hold · 10 one does not · 13 one cannot be told · 1 failed · 2 usage")]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,

    /// A template: its profile, exceptions, rules and category.
    #[arg(long, value_name = "FILE", conflicts_with = "rules")]
    template: Option<PathBuf>,

    /// The profile: server-l1, server-l2 or strict, in the place of the template's.
    #[arg(long, value_name = "PROFILE", value_parser = profile, conflicts_with = "rules")]
    profile: Option<Profile>,

    /// Show all reasons of each rule, why rules do not apply, and which hold.
    #[arg(long)]
    verbose: bool,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// Most reasons of a rule that are shown unless all are asked for.
const REASONS: usize = 6;

/// Where to look.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct PlaceArgs {
    /// A directory; / by default: the running system.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// A tar archive.
    #[arg(long, value_name = "FILE")]
    tar: Option<PathBuf>,

    /// An EROFS image.
    #[arg(long, value_name = "FILE")]
    erofs: Option<PathBuf>,

    /// An OCI image layout.
    #[arg(long, value_name = "DIR")]
    oci: Option<PathBuf>,

    /// Results of a build.
    #[arg(long, value_name = "X.rules.json")]
    rules: Option<PathBuf>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let place = match &args.place {
        PlaceArgs {
            tar: Some(path), ..
        } => Place::Tar(path.clone()),
        PlaceArgs {
            erofs: Some(path), ..
        } => Place::Erofs(path.clone()),
        PlaceArgs {
            oci: Some(path), ..
        } => Place::Oci(path.clone()),
        PlaceArgs {
            rules: Some(path), ..
        } => Place::Rules(path.clone()),
        PlaceArgs { root, .. } => Place::Root(root.clone().unwrap_or_else(|| PathBuf::from("/"))),
    };
    let request = Request {
        place,
        template: args.template.clone(),
        profile: args.profile,
    };
    let progress = args.progress.listener(console.is_quiet())?;
    let checked = check(&request, &progress)?;
    let (kind, path) = described(&request.place);
    let exposure = checked.exposure.as_ref();
    console.json(&json!({
        "place": { "kind": kind, "path": shown(path) },
        "counts": counts(&checked.results),
        "in_force": checked.in_force,
        "exposure": exposure.map(|survey| Exposures::of(survey, false)),
        "not_looked_at": not_looked_at(&checked),
        "results": checked.results,
    }));
    show(&checked, args.verbose, console);
    let results = &checked.results;
    // Ceilings of rules are among the rules; those of the template itself are not.
    let (faults, unread) = exposure.map_or((0, 0), |it| (it.faults.len(), it.unread.len()));
    Ok(if results.count(Outcome::Fail) > 0 || faults > 0 {
        Exit::Drift
    } else if results.count(Outcome::Unknown) > 0 || unread > 0 {
        Exit::Incomplete
    } else {
        Exit::Ok
    })
}

/// What a place is called, and its path.
pub(super) const fn described(place: &Place) -> (&'static str, &PathBuf) {
    match place {
        Place::Root(path) => ("root", path),
        Place::Erofs(path) => ("erofs", path),
        Place::Tar(path) => ("tar", path),
        Place::Oci(path) => ("oci", path),
        Place::Rules(path) => ("rules", path),
    }
}

fn not_looked_at(checked: &Checked) -> Vec<serde_json::Value> {
    let places = checked.not_looked_at.iter();
    let places = places.map(|(path, why)| {
        let path = Escaped(path.as_bytes()).to_string();
        json!({ "path": path, "reason": why })
    });
    places.collect()
}

fn counts(results: &Results) -> serde_json::Map<String, serde_json::Value> {
    let counts = Outcome::ALL.into_iter();
    counts
        .map(|outcome| (outcome.word().to_owned(), json!(results.count(outcome))))
        .collect()
}

fn show(checked: &Checked, is_verbose: bool, console: &Console) {
    let results = &checked.results;
    for outcome in Outcome::ALL {
        let of_it = results.results.iter().filter(|it| it.outcome == outcome);
        let mut of_it: Vec<&ResultOf> = of_it.collect();
        // By severity, the worst first; those of one severity stay in the order of their ids.
        of_it.sort_by_key(|it| it.severity);
        for result in of_it {
            match outcome {
                Outcome::Fail | Outcome::Unknown => show_bad(result, is_verbose, console),
                Outcome::Excepted => show_line(result, console),
                Outcome::NotApplicable | Outcome::Pass if is_verbose => show_good(result, console),
                Outcome::NotApplicable | Outcome::Pass => {}
            }
        }
    }
    if let Some(survey) = &checked.exposure {
        show_faults(survey, console);
    }
    let count = |outcome| results.count(outcome);
    let style = if count(Outcome::Fail) > 0 {
        BAD
    } else if count(Outcome::Unknown) > 0 {
        WARN
    } else {
        GOOD
    };
    let fails = count(Outcome::Fail);
    console.line(format_args!(
        "{style}{fails} fail{}{style:#} · {} unknown · {} excepted · {} not applicable · {} hold    {BOLD}{}{BOLD:#}",
        by_severity(results),
        count(Outcome::Unknown),
        count(Outcome::Excepted),
        count(Outcome::NotApplicable),
        count(Outcome::Pass),
        results.profile
    ));
    if let Some(count) = checked.in_force {
        console.line(format_args!(
            "{DIM}{count} values in force were looked at{DIM:#}"
        ));
    }
    if let Some(worst) = checked.exposure.as_ref().and_then(most_exposed) {
        console.line(format_args!(
            "{DIM}the most exposed service that starts: {} at {}; karat harden exposure shows all{DIM:#}",
            worst.unit, worst.exposure
        ));
    }
    for (path, why) in &checked.not_looked_at {
        let path = Escaped(path.as_bytes());
        console.line(format_args!("{DIM}not looked into: {path}: {why}{DIM:#}"));
    }
    if fails > 0 {
        console.note(format_args!(
            "{BOLD}next:{BOLD:#}  karat harden explain ID says what a rule wants and what it may break"
        ));
    }
}

/// The first of those that start: the most exposed ones come first.
fn most_exposed(survey: &Survey) -> Option<&Surveyed> {
    let mut services = survey.services.iter();
    services.find(|service| service.started_by.is_some())
}

/// How many of those that fail are how bad: ` (2 high, 1 low)`.
fn by_severity(results: &Results) -> String {
    let fails = |severity| {
        let of_it = results.results.iter();
        let of_it = of_it.filter(|it| it.outcome == Outcome::Fail && it.severity == severity);
        of_it.count()
    };
    let counts = [Severity::High, Severity::Medium, Severity::Low].map(|it| (fails(it), it));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, it)| format!("{count} {it}")).collect();
    if counts.is_empty() {
        String::new()
    } else {
        format!(" ({})", counts.join(", "))
    }
}

fn show_bad(result: &ResultOf, is_verbose: bool, console: &Console) {
    let style = if result.outcome == Outcome::Fail {
        BAD
    } else {
        WARN
    };
    let word = result.outcome.word();
    console.line(format_args!(
        "{style}{word:<8}{style:#} {BOLD}{}{BOLD:#}  {}  {DIM}{}{DIM:#}",
        result.id,
        Escaped(result.title.as_bytes()),
        result.severity
    ));
    let (all, conflicts) = (&result.reasons, &result.conflicts);
    // One more than are shown would take the line that says so.
    let is_cut = !is_verbose && all.len() > REASONS;
    let shown = all.get(..REASONS.saturating_sub(1)).filter(|_| is_cut);
    let shown = shown.unwrap_or(all);
    for reason in shown {
        console.line(format_args!("         {}", Escaped(reason.as_bytes())));
    }
    if is_cut {
        let more = all.len().saturating_sub(shown.len());
        console.line(format_args!(
            "         {DIM}and {more} more: --verbose shows them{DIM:#}"
        ));
    }
    for conflict in conflicts {
        console.line(format_args!("         {}", Escaped(conflict.as_bytes())));
    }
}

/// A rule that nothing is to be done about: it holds, or it does not apply, because …
fn show_good(result: &ResultOf, console: &Console) {
    let (style, word) = match result.outcome {
        Outcome::Pass => (GOOD, "holds"),
        _ => (DIM, "n/a"),
    };
    console.line(format_args!(
        "{style}{word:<8}{style:#} {BOLD}{}{BOLD:#}  {}  {DIM}{}{DIM:#}",
        result.id,
        Escaped(result.title.as_bytes()),
        result.severity
    ));
    for reason in result.reasons.iter().chain(&result.conflicts) {
        console.line(format_args!("         {}", Escaped(reason.as_bytes())));
    }
}

fn show_line(result: &ResultOf, console: &Console) {
    let without = result.without.map_or("", Outcome::word);
    let reason = result.reasons.first().map_or("", String::as_str);
    console.line(format_args!(
        "{WARN}excepted{WARN:#} {BOLD}{}{BOLD:#}  {}  {DIM}(without: {without}){DIM:#}",
        result.id,
        Escaped(reason.as_bytes())
    ));
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Io(error) => error.into(),
            CheckError::Template(error) => error.into(),
            CheckError::Results(error) => Self::failed(&error).hint(
                "without rules nothing is proved: name a profile or a template that has some",
            ),
            error => Self::failed(&error),
        }
    }
}
