//! `karat trust sign`, `accept` and `discard`.

use std::path::PathBuf;

use serde::Serialize;

use super::log::key::log_root;
use super::root_report::{self as report, More};
use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::Role;
use crate::ops::signer::KeySpec;
use crate::ops::trust::{self, Draft, Outcome};
use crate::ops::workspace::Workspace;

/// Arguments of `karat trust sign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat trust sign                                             in the workspace
  karat trust sign trust.draft.json --trust trust.json --key root.pem
                                                               where the root key is kept

The changes are shown before anything is signed: against the present trust root that you have
yourself, not one that came along with the draft.")]
pub struct SignArgs {
    /// The draft; else keys/trust.draft.json of the workspace
    file: Option<PathBuf>,

    /// The present trust root; else that of the workspace
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// The private root key; else keys/private/root.pem of the workspace. May be repeated
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Vec<KeySpec>,

    /// Do not ask before what cannot be taken back
    #[arg(long)]
    yes: bool,

    /// The workspace; else the nearest one above
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    #[command(flatten)]
    passphrase: Source,
}

/// Arguments of `karat trust accept`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat trust accept alice/trust.draft.json bob/trust.draft.json
  karat trust accept                           whose signatures are missing still?

Signatures are put together. Once enough root keys of both versions signed, the draft becomes
keys/trust.json, and the log is told.")]
pub struct AcceptArgs {
    /// Signed drafts that came back; none: look again at the one that is here
    files: Vec<PathBuf>,

    /// The workspace; else the nearest one above
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

/// Arguments of `karat trust discard`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  karat trust discard       keys/trust.draft.json goes, keys/trust.json stays")]
pub struct DiscardArgs {
    /// The workspace; else the nearest one above
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

#[derive(Serialize)]
struct Discarded {
    removed: String,
}

/// Runs `karat trust sign`.
pub fn sign(args: &SignArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = match &args.workspace {
        Some(directory) => Some(Workspace::at(directory)),
        None => Workspace::find(".")?,
    };
    let nowhere =
        |what: &str| Failure::usage(format!("there is no workspace, so {what} is needed"));
    let file = match (&args.file, &workspace) {
        (Some(file), _) => file.clone(),
        (None, Some(workspace)) => workspace.draft(),
        (None, None) => return Err(nowhere("the draft's file")),
    };
    let present = match (&args.trust, &workspace) {
        (Some(file), _) => trust::read(file)?,
        (None, Some(workspace)) => trust::read(&workspace.trust_root())?,
        (None, None) => return Err(nowhere("--trust FILE, the present trust root,")),
    };
    let draft = Draft::read(&file, &present)?;
    report::preview(console, &present, &draft, None);
    let specs = keys::named_or_own(&args.key, workspace.as_ref(), Role::Root)?;
    if specs.is_empty() {
        return Err(Failure::usage("there is no root key to sign with").hint("give --key KEY"));
    }
    report::ask(console, &draft.changes(&present), args.yes)?;
    let signers = keys::open(&specs, args.passphrase, console)?;
    let outcome = trust::sign(&file, draft, present, workspace.as_ref(), &signers)?;
    let log_index = workspace
        .as_ref()
        .and_then(|workspace| log_root(&outcome, workspace, args.passphrase, console));
    conclude(console, &outcome, log_index);
    Ok(Exit::Ok)
}

/// Runs `karat trust accept`.
pub fn accept(args: &AcceptArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = super::workspace(args.workspace.as_deref())?;
    let outcome = trust::accept(&workspace, &args.files)?;
    report::preview(console, &outcome.present, &outcome.draft, None);
    let passphrase = Source {
        passphrase_fd: None,
    };
    let log_index = log_root(&outcome, &workspace, passphrase, console);
    conclude(console, &outcome, log_index);
    Ok(Exit::Ok)
}

fn conclude(console: &Console, outcome: &Outcome, log_index: Option<u64>) {
    let more = More {
        log_index,
        ..More::default()
    };
    report::concluded(console, outcome, &more);
}

/// Runs `karat trust discard`.
pub fn discard(args: &DiscardArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = super::workspace(args.workspace.as_deref())?;
    let path = trust::discard(&workspace)?;
    console.line(format_args!("removed  {}", path.display()));
    console.json(&Discarded {
        removed: shown(path),
    });
    Ok(Exit::Ok)
}
