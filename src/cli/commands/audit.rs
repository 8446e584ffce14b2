//! `karat audit`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::log::{near, place, way};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::cli::{audit_csv, audit_page, audit_text};
use crate::ops::audit::{Report, Request, Since, Verdict, audit};
use crate::ops::log::{self, LogPlace};
use crate::ops::workspace::Workspace;
use crate::sys::fs::write_as_made;

/// Arguments of `karat audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat audit log                                          in a workspace
  karat audit https://example.com/log --trust trust.json --json
                                                           of somebody else's log, for a program
  karat audit log --since last.checkpoint --acknowledged known.toml
  karat audit log --envelopes out --outputs out --csv signatures.csv --html audit.html

The trust root that is given decides, or the newest that it leads to. Keep the log's `checkpoint` of
each audit: given as --since next time, it proves that nothing before it was changed.

Exit codes: 0 nothing was found · 10 rules were broken · 11 a cryptographic fault or a fork ·
13 something could not be checked")]
pub struct Args {
    /// The log: a directory, or an address (http, https, file, s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The trust root to judge by; else that of the nearest workspace above the log.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// What was audited before: a checkpoint that was kept, or a number of entries. All is checked
    /// again; findings and tables are about what came later.
    #[arg(long, value_name = "CHECKPOINT|SIZE")]
    since: Option<PathBuf>,

    /// Envelopes that should be in the log: all *.dsse.json below this directory.
    #[arg(long, value_name = "DIR")]
    envelopes: Option<PathBuf>,

    /// Outputs of builds: what changed from one baseline to the next.
    #[arg(long, value_name = "DIR")]
    outputs: Option<PathBuf>,

    /// Findings that somebody has taken note of (see docs/formats/audit-report.md).
    #[arg(long, value_name = "FILE")]
    acknowledged: Option<PathBuf>,

    /// Write one line for each signature.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Write all of it as one page for a browser, which needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the evidence of each fork there, for whoever else relies on the log.
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// Runs `karat audit`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let log = log::open_at(&args.log, &way())?;
    let trust = args
        .trust
        .clone()
        .map_or_else(|| nearest(near(&args.log)), Ok)?;
    let request = Request {
        trust: &trust,
        since: args.since.as_ref().map(|since| since_of(since)),
        envelopes: args.envelopes.as_deref(),
        outputs: args.outputs.as_deref(),
        acknowledged: args.acknowledged.as_deref(),
        evidence: args.evidence.as_deref(),
        threads: crate::sys::cpu::count(),
    };
    let progress = args
        .progress
        .listener(console.is_quiet() || console.is_json())?;
    let name = args.log.to_string();
    let report = audit(&log, &name, &request, &progress)?;
    if let Some(path) = &args.csv {
        write_as_made(path, |out| audit_csv::write(&report, out))?;
    }
    if let Some(path) = &args.html {
        let page = audit_page::page(&report);
        write_as_made(path, |out| out.write_all(page.as_bytes()))?;
    }
    if console.is_json() {
        console.json_stream(&report);
    } else {
        audit_text::show(&report, console);
    }
    Ok(exit(&report))
}

/// The exit code of what an audit comes to.
fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Clean => Exit::Ok,
        Verdict::Findings => Exit::Drift,
        Verdict::Untrusted => Exit::Untrusted,
        Verdict::Incomplete => Exit::Incomplete,
    }
}

fn nearest(log: &Path) -> Result<PathBuf, Failure> {
    let workspace = Workspace::find(log)?.ok_or_else(|| {
        Failure::usage("there is no trust root to judge by").hint("give --trust FILE")
    })?;
    Ok(workspace.trust_root())
}

/// A number is one; all else is a file.
fn since_of(text: &Path) -> Since {
    let size = text.to_str().and_then(|text| text.parse().ok());
    size.map_or_else(|| Since::Checkpoint(text.to_owned()), Since::Size)
}
