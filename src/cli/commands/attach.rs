//! `karat attach`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::baseline::Subject;
use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::ops::attach::{self, Request};
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::sys::fs;
use crate::sys::material::{self, ENVELOPE_SUFFIX, RECEIPT_SUFFIX};

/// Arguments of `karat attach`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat attach out --envelope signed/web_1.dsse.json     out/ has one build
  karat attach out/web_1 --envelope web_1.dsse.json --proof web_1.tlog-proof
  karat attach out --envelope web_1.dsse.json --root keys/trust/2.json

Digests of the outputs are compared first, and nothing that was signed changes: files go beside
them, and into the room that disks have for them.

Exit codes: 0 attached · 11 not signed, or other outputs were · 12 older than what is there ·
13 manifest or expectations are missing")]
pub struct Args {
    /// The directory of the outputs, or `DIR/NAME_VERSION`.
    target: PathBuf,

    /// The envelope.
    #[arg(long, value_name = "FILE")]
    envelope: PathBuf,

    /// The receipt from the log; else X.tlog-proof beside the envelope X.dsse.json, where it is.
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,

    /// A newer trust root for instances, as trust/N.json; may be repeated, in ascending order.
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,

    /// The trust root that the envelope must open under; else that of the nearest workspace above.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// Attach without asking a trust root; digests are compared all the same.
    #[arg(long, conflicts_with = "trust")]
    no_trust: bool,

    #[command(flatten)]
    progress: ProgressArgs,
}

#[derive(Serialize)]
struct Report {
    absent: Vec<&'static str>,
    further: Vec<String>,
    further_absent: Vec<String>,
    matched: Vec<&'static str>,
    unchecked: Vec<&'static str>,
    written: Vec<String>,
}

/// Runs `karat attach`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let trust = match &args.trust {
        _ if args.no_trust => None,
        Some(file) => Some(trust::read(file)?),
        None => Workspace::find(".")?
            .map(|workspace| trust::read(&workspace.trust_root()))
            .transpose()?,
    };
    if trust.is_none() && !args.no_trust {
        console.warn("there is no trust root: the envelope's signatures are not checked");
    }
    let proof = match &args.proof {
        Some(proof) => Some(proof.clone()),
        None => receipt_beside(&args.envelope)?,
    };
    let progress = args.progress.listener(console.is_quiet())?;
    let request = Request {
        target: &args.target,
        envelope: &args.envelope,
        proof: proof.as_deref(),
        roots: &args.root,
        trust: trust.as_ref(),
    };
    let done = attach::attach(&request, &progress)?;
    for path in &done.written {
        console.line(format_args!("wrote    {}", path.display()));
    }
    if done.written.is_empty() {
        console.line("nothing to do: all is attached");
    }
    for subject in &done.absent {
        console.note(format_args!("not here: the subject {}", subject.suffix()));
    }
    for name in &done.further_absent {
        console.note(format_args!("not here: {name}, a further output"));
    }
    for subject in &done.unchecked {
        console.warn(format_args!(
            "not compared: the subject {}",
            subject.suffix()
        ));
    }
    console.json(&Report {
        absent: suffixes(&done.absent),
        further: done.further,
        further_absent: done.further_absent,
        matched: suffixes(&done.matched),
        unchecked: suffixes(&done.unchecked),
        written: done.written.iter().map(shown).collect(),
    });
    Ok(Exit::Ok)
}

fn receipt_beside(envelope: &Path) -> Result<Option<PathBuf>, Failure> {
    let stem = material::without_suffix(envelope, ENVELOPE_SUFFIX);
    let path = stem.map(|stem| material::with_suffix(&stem, RECEIPT_SUFFIX));
    match path {
        Some(path) if fs::exists(&path)? => Ok(Some(path)),
        _ => Ok(None),
    }
}

fn suffixes(subjects: &[Subject]) -> Vec<&'static str> {
    subjects.iter().map(|subject| subject.suffix()).collect()
}
