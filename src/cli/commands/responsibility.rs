//! `karat responsibility`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::log::way;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::cli::{responsibility_csv, responsibility_page, responsibility_text};
use crate::ops::log::{self, LogPlace};
use crate::ops::responsibility::{Request, ResponsibilityError, report};
use crate::ops::workspace::Workspace;
use crate::responsibility::{Model, Provider, Report, Verdict, oscal};
use crate::sys::clock;
use crate::sys::fs::{IoError, write_as_made};
use crate::tree::Epoch;

/// Arguments of `karat responsibility`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  karat responsibility report out --provider aws --model iaas --html page.html

How to read it, and what it does not say: docs/guides/shared-responsibility.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Weigh the evidence of images against a matrix of controls: what is not covered, the
    /// provider's part, the customer's.
    Report(Box<ReportArgs>),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat responsibility report out --provider aws --model iaas
  karat responsibility report out --provider gcp --model iaas --log log --segments templates
  karat responsibility report web_1.dsse.json --provider azure --model iaas --verdict web-1.json
  karat responsibility report out --provider aws --model iaas --summary web-1.dsse.json
  karat responsibility report out --provider aws --model paas --html page.html --csv open.csv
  karat responsibility report out --provider aws --model iaas --oscal-results results.json

A report states evidence; it does not say that anybody complies with anything. What nobody has
shown comes first. Only bytes count whose signatures open under the trust root; a draft is evidence
of the builder only.

Exit codes: 0 nothing speaks against a control · 10 a control of the customer is not met · 11
something is not trusted · 13 evidence is too old, or could not be read")]
struct ReportArgs {
    /// Envelopes (.dsse.json), drafts (.statement.json), or directories of them.
    #[arg(required = true, value_name = "DIR|ENVELOPE|STATEMENT")]
    images: Vec<PathBuf>,

    /// Whose cloud: aws, azure, gcp.
    #[arg(long, value_name = "PROVIDER")]
    provider: Provider,

    /// How much of it the provider runs: iaas, paas, saas.
    #[arg(long, value_name = "MODEL")]
    model: Model,

    /// The trust root that decides; else that of the nearest workspace.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// The log of signatures, to be audited: a directory, or an address.
    #[arg(long, value_name = "LOG", value_parser = OsStringValueParser::new().try_map(LogPlace::parse))]
    log: Option<LogPlace>,

    /// Reports of `karat verify --json` or `karat-agent verify --json`.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    verdict: Vec<PathBuf>,

    /// Signed summaries of `karat verify --summary`, which keys of the role fleet vouch for.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    summary: Vec<PathBuf>,

    /// Templates of the fleet, whose segments are checked.
    #[arg(long, value_name = "DIR")]
    segments: Option<PathBuf>,

    /// Files of further controls (see docs/formats/controls.md).
    #[arg(long, value_name = "FILE")]
    controls: Vec<PathBuf>,

    /// The time for which evidence is weighed, in seconds since 1970; else `SOURCE_DATE_EPOCH`, else now.
    #[arg(long, value_name = "SECONDS")]
    at: Option<Epoch>,

    /// Show every control, with duties and all evidence.
    #[arg(long)]
    all: bool,

    /// Write all of it as one page for a browser, which needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write a line for each control and piece of evidence.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Write who does what as an OSCAL component definition.
    #[arg(long, value_name = "FILE")]
    oscal_component: Option<PathBuf>,

    /// Write what evidence says as OSCAL assessment results.
    #[arg(long, value_name = "FILE")]
    oscal_results: Option<PathBuf>,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// Runs `karat responsibility`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Report(args) => make(args, console),
    }
}

fn make(args: &ReportArgs, console: &Console) -> Result<Exit, Failure> {
    let at = match args.at {
        Some(at) => at,
        None => clock::reported()
            .map_err(|error| Failure::usage(format!("SOURCE_DATE_EPOCH: {error}")))?,
    };
    let trust = match &args.trust {
        Some(trust) => Some(trust.clone()),
        // Never one out of what is named: whoever made that could have put it there.
        None => Workspace::find(".")?.map(|workspace| workspace.trust_root()),
    };
    let log = match &args.log {
        Some(place) => Some((log::open_at(place, &way())?, place.to_string())),
        None => None,
    };
    if log.is_some() && trust.is_none() {
        return Err(
            Failure::usage("there is no trust root to audit the log by").hint("give --trust FILE")
        );
    }
    let progress = args
        .progress
        .listener(console.is_quiet() || console.is_json())?;
    let request = Request {
        images: &args.images,
        trust: trust.as_deref(),
        provider: args.provider,
        model: args.model,
        at,
        controls: &args.controls,
        log: log.as_ref().map(|(log, name)| (log, name.as_str())),
        verdicts: &args.verdict,
        summaries: &args.summary,
        segments: args.segments.as_deref(),
        threads: crate::sys::cpu::count(),
    };
    let report = report(&request, &progress)?;
    outputs(args, &report)?;
    if console.is_json() {
        console.json_stream(&report);
    } else {
        responsibility_text::show(&report, args.all, console);
    }
    Ok(exit(&report))
}

fn outputs(args: &ReportArgs, report: &Report) -> Result<(), IoError> {
    if let Some(path) = &args.csv {
        write_as_made(path, |out| responsibility_csv::write(report, out))?;
    }
    if let Some(path) = &args.html {
        let page = responsibility_page::page(report);
        write_as_made(path, |out| out.write_all(page.as_bytes()))?;
    }
    if let Some(path) = &args.oscal_component {
        let document = oscal::component_definition(report);
        write_as_made(path, |out| out.write_all(document.as_bytes()))?;
    }
    if let Some(path) = &args.oscal_results {
        let document = oscal::assessment_results(report);
        write_as_made(path, |out| out.write_all(document.as_bytes()))?;
    }
    Ok(())
}

/// The exit code of what a report comes to.
fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Untrusted => Exit::Untrusted,
        Verdict::NotMet => Exit::Drift,
        Verdict::Incomplete => Exit::Incomplete,
        Verdict::Open | Verdict::Evidenced => Exit::Ok,
    }
}

impl From<ResponsibilityError> for Failure {
    fn from(error: ResponsibilityError) -> Self {
        use ResponsibilityError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Io(error) => error.into(),
            Error::Trust(error) => error.into(),
            Error::Audit(error) => error.into(),
            Error::Control(_) => failure.hint("the form of such files: docs/formats/controls.md"),
            Error::Fleet(_) => {
                failure.hint("`karat template check FILE` says whether one is valid")
            }
            Error::NoTrust(_) => Self {
                exit: Exit::Usage,
                ..failure
            }
            .hint("give --trust FILE, or run where a workspace is"),
            Error::NoImage(_) => failure.hint("name the directory that `karat build` wrote to"),
            Error::TooManyImages | Error::TooManyVerdicts => failure.hint("make several reports"),
            Error::Verdict { .. } => failure
                .hint("give what `karat verify --json` or `karat-agent verify --json` printed"),
        }
    }
}
