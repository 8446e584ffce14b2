//! `karat log append`.

use std::path::PathBuf;

use serde::Serialize;

use super::cosign::{self, CosigningJson};
use super::key::KeyArgs;
use super::{near, place, way};
use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::ops::log::{self, AddedFile, LogPlace};
use crate::ops::workspace::Workspace;

/// Arguments of `karat log append`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log append log out/base_1.dsse.json      writes out/base_1.tlog-proof
  karat log append log keys/trust.json           what the keys were, for whoever reads the log
  karat log append s3://images/log out/base_1.dsse.json

What is in the log already keeps its place. All files are added, or none is. Where the trust root
of the nearest workspace above names this log, versions of it that are not logged yet go first,
and what a revoked key alone signed is refused. Then the witnesses of keys/witnesses.policy are
asked for their cosignatures; receipts have them.

Exit codes: 0 all is added · 13 all is added, and too few witnesses cosigned")]
pub(super) struct Args {
    /// The log: a directory, or the address of a bucket (s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// Envelopes with statements (X.dsse.json), trust roots, or notices.
    #[arg(required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: KeyArgs,
}

/// Runs `karat log append`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let workspace = Workspace::find(near(&args.log))?;
    let signer = args.key.open(workspace.as_ref(), console)?;
    let (added, size, cosigning) = log::append(
        &args.log,
        &way(),
        workspace.as_ref(),
        signer.as_ref(),
        &args.files,
    )?;
    for added in &added {
        tell(console, added);
    }
    let exit = cosign::tell(&cosigning, console);
    console.json(&AppendReport {
        cosigning: CosigningJson::from(&cosigning),
        added: added
            .iter()
            .map(|it| AddedJson {
                file: shown(&it.file),
                kind: it.kind,
                index: it.index,
                was_there: it.was_there,
                receipt: it.receipt.as_ref().map(shown),
            })
            .collect(),
        tree_size: size,
    });
    Ok(exit)
}

/// Says where an entry stands.
fn tell(console: &Console, added: &AddedFile) {
    let how = if added.was_there { ", as before" } else { "" };
    let receipt = added
        .receipt
        .as_ref()
        .map_or_else(String::new, |path| format!("  {}", path.display()));
    console.line(format_args!(
        "logged as entry {}{how}{receipt}",
        added.index
    ));
}

#[derive(Serialize)]
struct AppendReport {
    added: Vec<AddedJson>,
    cosigning: CosigningJson,
    tree_size: u64,
}

#[derive(Serialize)]
struct AddedJson {
    file: String,
    kind: &'static str,
    index: u64,
    was_there: bool,
    receipt: Option<String>,
}
