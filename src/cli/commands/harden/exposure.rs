//! `karat harden exposure`.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use super::profile;
use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, DIM, GOOD, WARN, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::harden::Profile;
use crate::harden::exposure::{Survey, Surveyed};
use crate::ops::harden::{Place, Request, exposure};
use crate::path::Escaped;

/// Arguments of `karat harden exposure`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The measure is that of `systemd-analyze security --offline`, by the rules of PLACE's own systemd:
0.0 is locked in, 10.0 is open. It is computed from unit files and their drop-ins; nothing is run.
Beside each service stand the directives that would lower it most, each with what it alone would
come to. Ceilings are those of the template's [segment] exposure, and of the profile's rules.

Examples:
  karat harden exposure                                     services of this machine that start
  karat harden exposure out/base_1.tar.zst --profile server-l2
  karat harden exposure out/web_1.oci --template templates/web-frontend.toml --json
  karat harden exposure /mnt --all                          every service that there is a file for

Exit codes: 0 none is more exposed than it may be · 10 one is · 13 one cannot be read · 1 failed ·
2 usage")]
pub(super) struct Args {
    /// A directory, an OCI image layout or a tar archive; / by default.
    #[arg(value_name = "PLACE", default_value = "/", hide_default_value = true)]
    place: PathBuf,

    /// A template: its ceilings, profile, exceptions, rules and category.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,

    /// The profile: server-l1, server-l2 or strict, in the place of the template's.
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,

    /// Show all services, not only those that start by themselves or have a ceiling.
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// How exposed services are.
#[derive(Debug, Serialize)]
pub(super) struct Exposures<'a> {
    services: Vec<Service<'a>>,
    faults: &'a [String],
    unread: &'a [String],
}

#[derive(Debug, Serialize)]
struct Service<'a> {
    unit: &'a str,
    file: String,
    exposure: String,
    ceiling: Option<Ceiling<'a>>,
    started_by: Option<String>,
    would_help: Vec<Help<'a>>,
}

#[derive(Debug, Serialize)]
struct Ceiling<'a> {
    most: String,
    from: &'a str,
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Help<'a> {
    directive: &'a str,
    exposure: String,
}

impl<'a> Exposures<'a> {
    /// Those of a survey that start or have a ceiling, or all of them.
    pub(super) fn of(survey: &'a Survey, all: bool) -> Self {
        Self {
            services: chosen(survey, all).map(Service::of).collect(),
            faults: &survey.faults,
            unread: &survey.unread,
        }
    }
}

impl<'a> Service<'a> {
    fn of(service: &'a Surveyed) -> Self {
        let ceiling = service.ceiling.as_ref().map(|ceiling| Ceiling {
            most: ceiling.most.to_string(),
            from: &ceiling.from,
            reason: ceiling.reason.as_deref(),
        });
        let would_help = service.advice.iter().map(|it| Help {
            directive: &it.directive,
            exposure: it.exposure.to_string(),
        });
        Self {
            unit: &service.unit,
            file: service.file.to_string(),
            exposure: service.exposure.to_string(),
            ceiling,
            started_by: service.started_by.as_ref().map(ToString::to_string),
            would_help: would_help.collect(),
        }
    }
}

/// Those that start or have a ceiling, or all.
fn chosen(survey: &Survey, all: bool) -> impl Iterator<Item = &Surveyed> {
    let services = survey.services.iter();
    services.filter(move |it| all || it.started_by.is_some() || it.ceiling.is_some())
}

/// What a survey means for the exit code.
pub(super) fn exit(survey: &Survey) -> Exit {
    if survey.services.iter().any(Surveyed::is_over) || !survey.faults.is_empty() {
        Exit::Drift
    } else if survey.unread.is_empty() {
        Exit::Ok
    } else {
        Exit::Incomplete
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let request = Request {
        place: Place::of_image(&args.place)?,
        template: args.template.clone(),
        profile: args.profile,
    };
    let progress = args.progress.listener(console.is_quiet())?;
    let survey = exposure(&request, &progress)?;
    let (kind, path) = super::check::described(&request.place);
    console.json(&json!({
        "place": { "kind": kind, "path": shown(path) },
        "exposure": Exposures::of(&survey, args.all),
    }));
    show(&survey, args.all, console);
    Ok(exit(&survey))
}

fn show(survey: &Survey, all: bool, console: &Console) {
    let services: Vec<&Surveyed> = chosen(survey, all).collect();
    let width = services.iter().map(|it| it.unit.len()).max().unwrap_or(4);
    console.line(format_args!(
        "{DIM}exposed  at most  {:<width$}  what would help most{DIM:#}",
        "unit"
    ));
    for service in &services {
        let style = match service.ceiling {
            Some(_) if service.is_over() => BAD,
            Some(_) => GOOD,
            None => WARN,
        };
        let most = service.ceiling.as_ref();
        let most = most.map_or_else(|| "-".to_owned(), |ceiling| ceiling.most.to_string());
        let helps: Vec<String> = service
            .advice
            .iter()
            .take(3)
            .map(|it| format!("{} ({})", it.directive, it.exposure))
            .collect();
        console.line(format_args!(
            "{style}{:>7}{style:#}  {most:>7}  {:<width$}  {DIM}{}{DIM:#}",
            service.exposure.to_string(),
            service.unit,
            helps.join(", ")
        ));
    }
    show_faults(survey, console);
    let over = services.iter().filter(|it| it.is_over()).count();
    console.note(format_args!(
        "{BOLD}{}{BOLD:#} services, {over} above their ceilings",
        services.len()
    ));
}

/// Ceilings of the template that are not kept, and what could not be read.
pub(super) fn show_faults(survey: &Survey, console: &Console) {
    for fault in &survey.faults {
        let fault = Escaped(fault.as_bytes());
        console.line(format_args!("{BAD}exposed{BAD:#}  {fault}"));
    }
    for unread in &survey.unread {
        let unread = Escaped(unread.as_bytes());
        console.line(format_args!("{WARN}unknown{WARN:#}  {unread}"));
    }
}
