//! `karat log cosign`, and what every append says about its witnesses.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, Count, GOOD};
use crate::cli::failure::Failure;
use crate::ops::log::{self, Cosigning, WitnessAnswer};
use crate::path::Escaped;

/// Arguments of `karat log cosign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log cosign log                                  those of keys/witnesses.policy
  karat log cosign /srv/log --witnesses our.policy

What is published already is published again with the cosignatures that it lacked; no key is
needed. Receipts are written anew by `karat log append` with the envelopes, or one by `karat log
proof`.

Exit codes: 0 enough cosigned, or nobody demands any · 11 a witness says that the log was forked ·
12 a witness has seen more entries than there are: the log was set back · 13 too few cosigned")]
pub(super) struct Args {
    /// The log's directory.
    log: PathBuf,

    /// The tlog-policy whose witnesses are asked; else keys/witnesses.policy of the nearest workspace
    /// above the log.
    #[arg(long, value_name = "FILE")]
    witnesses: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    origin: String,
    tree_size: u64,
    cosigning: CosigningJson,
}

/// What the witnesses said, in documents.
#[derive(Serialize)]
pub(super) struct CosigningJson {
    missing: Option<String>,
    witnesses: Vec<WitnessJson>,
}

#[derive(Serialize)]
struct WitnessJson {
    name: String,
    answer: &'static str,
    message: Option<String>,
}

/// Runs `karat log cosign`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let (log, cosigning) = log::cosign(&args.log, args.witnesses.as_deref())?;
    let exit = tell(&cosigning, console);
    if exit == Exit::Ok {
        console.line(format_args!(
            "{GOOD}cosigned{GOOD:#}: {}",
            Count(log.size(), "entry", "entries")
        ));
    }
    console.json(&Report {
        origin: Escaped(log.checkpoint().origin.as_bytes()).to_string(),
        tree_size: log.size(),
        cosigning: CosigningJson::from(&cosigning),
    });
    Ok(exit)
}

/// Says what is missing, and gives the exit code that it comes to.
pub(in crate::cli) fn tell(cosigning: &Cosigning, console: &Console) -> Exit {
    let mut exit = Exit::Ok;
    for (name, answer) in &cosigning.witnesses {
        let name = Escaped(name.as_bytes());
        let (code, why) = match answer {
            WitnessAnswer::Cosigned => continue,
            // Whether it is needed, the quorum says.
            WitnessAnswer::NotAsked if cosigning.missing.is_none() => continue,
            WitnessAnswer::Inconsistent(_) => (Exit::Untrusted, message(answer)),
            WitnessAnswer::Ahead(_) => (Exit::Rollback, message(answer)),
            _ => (Exit::Ok, message(answer)),
        };
        exit = exit.and(code);
        console.warn(format_args!("witness {name}: {}", why.unwrap_or_default()));
    }
    if let Some(missing) = &cosigning.missing {
        exit = exit.and(Exit::Incomplete);
        console.warn(format_args!(
            "{missing}; the entries are durable, and `karat log cosign` asks again"
        ));
    }
    exit
}

impl From<&Cosigning> for CosigningJson {
    fn from(cosigning: &Cosigning) -> Self {
        let witnesses = cosigning
            .witnesses
            .iter()
            .map(|(name, answer)| WitnessJson {
                name: Escaped(name.as_bytes()).to_string(),
                answer: match answer {
                    WitnessAnswer::Cosigned => "cosigned",
                    WitnessAnswer::NotAsked => "not-asked",
                    WitnessAnswer::Failed(_) => "failed",
                    WitnessAnswer::Refused(..) => "refused",
                    WitnessAnswer::Ahead(_) => "ahead",
                    WitnessAnswer::Inconsistent(_) => "inconsistent",
                },
                message: message(answer),
            });
        Self {
            missing: cosigning.missing.clone(),
            witnesses: witnesses.collect(),
        }
    }
}

fn message(answer: &WitnessAnswer) -> Option<String> {
    match answer {
        WitnessAnswer::Cosigned => None,
        WitnessAnswer::NotAsked => {
            Some("keys/witnesses.policy names no place where it can be asked".to_owned())
        }
        WitnessAnswer::Failed(why) => Some(why.clone()),
        WitnessAnswer::Refused(status, why) => Some(format!("it refuses ({status}): {why}")),
        WitnessAnswer::Ahead(size) => Some(format!(
            "it has cosigned {size} entries: this log was set back, or somebody else adds with its key"
        )),
        WitnessAnswer::Inconsistent(why) => Some(format!(
            "it says that this log is not the one that it cosigned before: {why}"
        )),
    }
}
