//! `karat segment check`.

use serde::Serialize;

use super::Templates;
use crate::cli::Exit;
use crate::cli::console::{Console, GOOD};
use crate::cli::failure::Failure;
use crate::ops::segment::Found;
use crate::segment::Date;
use crate::sys::clock;

/// Arguments of `karat segment check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment check templates/
  karat segment check templates/ --at 2027-01-01     what will be out of support by then
  karat segment check web.toml api.toml --fleet fleet.toml --json

Exit codes: 0 every rule holds · 1 a template has faults of its own · 2 nothing to check · 10 rules
are broken

The rules and their codes: docs/formats/segment.md.")]
pub(super) struct Args {
    #[command(flatten)]
    templates: Templates,

    /// Today, for ends of support; else the day of `SOURCE_DATE_EPOCH`, else that of the clock.
    #[arg(long, value_name = "YYYY-MM-DD")]
    at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Document {
    version: u32,
    day: String,
    templates: usize,
    segments: usize,
    flows: usize,
    findings: Vec<Found>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let day = day(args.at.as_deref())?;
    let loaded = args.templates.load(console)?;
    let fleet = &loaded.fleet;
    let findings = loaded.check(&day);
    for found in &findings {
        console.diagnostic(found);
    }
    let counts = format!(
        "{} templates in {} segments, {} flows",
        fleet.members.len(),
        fleet.segments.len(),
        fleet.graph.links.len()
    );
    if findings.is_empty() {
        console.line(format_args!("{GOOD}every rule holds{GOOD:#}: {counts}"));
    } else {
        let faults = match findings.len() {
            1 => "1 fault".to_owned(),
            many => format!("{many} faults"),
        };
        console.line(format_args!("{faults} in {counts}"));
    }
    let exit = if findings.is_empty() {
        Exit::Ok
    } else {
        Exit::Drift
    };
    console.json(&Document {
        version: 1,
        day,
        templates: fleet.members.len(),
        segments: fleet.segments.len(),
        flows: fleet.graph.links.len(),
        findings,
    });
    Ok(exit)
}

pub(super) fn day(stated: Option<&str>) -> Result<String, Failure> {
    if let Some(text) = stated {
        return Date::new(text)
            .map(|date| date.to_string())
            .ok_or_else(|| Failure::usage(format!("--at: {}", Date::RULE)));
    }
    let now =
        clock::reported().map_err(|error| Failure::usage(format!("SOURCE_DATE_EPOCH: {error}")))?;
    Ok(now.rfc3339().chars().take(10).collect())
}
