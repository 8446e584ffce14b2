//! `karat log check`.

use std::path::PathBuf;

use serde::Serialize;

use super::{fork, place, way};
use crate::cli::Exit;
use crate::cli::console::{BAD, Console, Count, GOOD};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::ops::log::{self, LogPlace};
use crate::ops::trust;
use crate::sys::fs;
use crate::tlog::{NoteKey, Policy};

/// Arguments of `karat log check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log check log
  karat log check log --trust keys/trust.json --policy policy.txt
  karat log check mirror --by-policy policy.txt
  karat log check 0123456789abcdef.fork --trust keys/trust.json
  karat log check https://example.com/log --trust keys/trust.json

A regular file is the evidence of a fork: two checkpoints that one log cannot have signed
honestly. It is checked with the log's keys alone.

Exit codes of a log: 0 all is as it must be · 11 something is not, or the trust root or policy
does not believe it
Exit codes of evidence: 0 both checkpoints agree · 11 the log was forked · 1 it proves nothing,
or other keys signed it")]
pub(super) struct Args {
    /// The log: a directory, or an address (http, https, file, s3); or the evidence of a fork, a file.
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The trust root that must believe the checkpoint: log keys, witnesses, origin.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// A tlog-policy that must believe the checkpoint: log keys, quorum.
    #[arg(long, value_name = "FILE")]
    by_policy: Option<PathBuf>,

    /// A key of the log, NAME+ID+BASE64, to check the evidence of a fork with. May be repeated.
    #[arg(long, value_name = "VKEY")]
    key: Vec<NoteKey>,

    /// Write who must sign and cosign, as a tlog-policy for other programs.
    #[arg(long, value_name = "FILE", requires = "trust")]
    policy: Option<PathBuf>,
}

/// Runs `karat log check`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let trust = args.trust.as_ref().map(|file| trust::read(file));
    let trust = trust.transpose()?;
    if let (Some(root), Some(file)) = (&trust, &args.policy) {
        let policy = Policy::of(root).map_err(|error| Failure::failed(&error))?;
        fs::write_atomic(file, &policy.to_bytes(), 0o644)?;
    }
    let by_policy = args.by_policy.as_ref().map(|file| log::read_policy(file));
    let by_policy = by_policy.transpose()?;
    if let Some(file) = args.log.directory()
        && fs::exists(file)?
        && !fs::is_dir(file)?
    {
        let (trust, policy) = (trust.as_ref(), by_policy.as_ref());
        return fork::check(file, trust, policy, &args.key, console);
    }
    if !args.key.is_empty() {
        return Err(
            Failure::usage("--key is for checking the evidence of a fork")
                .hint("name the log's keys with --trust FILE or --by-policy FILE"),
        );
    }
    let (log, checked) = log::check(&args.log, &way(), trust.as_ref(), by_policy.as_ref())?;
    for fault in &checked.faults {
        console.line(format_args!(
            "{BAD}{}{BAD:#}: {}",
            fault.path, fault.message
        ));
    }
    if checked.faults.is_empty() {
        console.line(format_args!(
            "{GOOD}whole{GOOD:#}: {}, {}",
            Count(checked.head.size, "entry", "entries"),
            Count(checked.checkpoints, "checkpoint", "checkpoints")
        ));
    }
    for directory in &checked.untold {
        console.warn(format_args!(
            "{directory}: this place cannot tell what else is in it; that was not looked at"
        ));
    }
    for path in &checked.unpublished {
        console.warn(format_args!(
            "{path} is not published: somebody is adding or copying, or was interrupted, or put an older \
             checkpoint back"
        ));
    }
    for path in &checked.leftovers {
        console.warn(format_args!("{path}: no checkpoint needs it"));
    }
    let exit = if checked.faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Untrusted
    };
    console.json(&CheckReport {
        origin: log.checkpoint().origin.clone(),
        tree_size: checked.head.size,
        root_sha256: checked.head.root,
        checkpoints: checked.checkpoints,
        faults: checked
            .faults
            .into_iter()
            .map(|fault| FaultJson {
                path: fault.path,
                message: fault.message,
            })
            .collect(),
        unpublished: checked.unpublished,
        leftovers: checked.leftovers,
        untold: checked.untold,
    });
    Ok(exit)
}

#[derive(Serialize)]
struct CheckReport {
    origin: String,
    tree_size: u64,
    root_sha256: Digest,
    checkpoints: usize,
    faults: Vec<FaultJson>,
    unpublished: Vec<String>,
    leftovers: Vec<String>,
    untold: Vec<String>,
}

#[derive(Serialize)]
struct FaultJson {
    path: String,
    message: String,
}
