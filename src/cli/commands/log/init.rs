//! `karat log init`.

use serde::Serialize;

use super::key::KeyArgs;
use super::{cosign, near, place, way};
use crate::cli::Exit;
use crate::cli::console::{Console, GOOD, shown};
use crate::cli::failure::Failure;
use crate::key::KeyId;
use crate::ops::log::{self, LogFailure, LogPlace};
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::sys::fs;
use crate::tlog::{NoteKey, NoteName};

/// Arguments of `karat log init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log init log                                       in a workspace: its origin, its log key
  karat log init /srv/log --origin example.com/log --key log.pem
  karat log init s3://images/log --origin example.com/log --key log.pem

KEY is a file, agent:..., command:... or pkcs11:... : docs/formats/keys.md. The log of a workspace
gets its trust root as the first entry. A bucket is reached as AWS_ENDPOINT_URL, AWS_REGION,
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say.")]
pub(super) struct Args {
    /// The log: a directory, or the address of a bucket (s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// A name that no other log has, such as example.com/images; else that of the trust root of the
    /// nearest workspace above the log.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    #[command(flatten)]
    key: KeyArgs,
}

/// Runs `karat log init`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let workspace = Workspace::find(near(&args.log))?;
    let origin = match (&args.origin, &workspace) {
        (Some(origin), _) => Some(origin.clone()),
        (None, Some(workspace)) => trust::read(&workspace.trust_root())?
            .log()
            .map(|log| log.origin.clone()),
        (None, None) => None,
    };
    let origin = origin.ok_or_else(|| {
        Failure::usage("the log needs a name").hint("give --origin example.com/images")
    })?;
    let signer = args.key.open(workspace.as_ref(), console)?;
    let checkpoint = log::init_at(&args.log, &way(), &origin, signer.as_ref())?;
    let name = NoteName::parse(&origin).map_err(LogFailure::from)?;
    let vkey = NoteKey::ed25519(name, signer.public_key()).to_string();
    console.line(format_args!("{GOOD}made{GOOD:#} {}", args.log));
    console.line(format_args!("origin  {}", checkpoint.origin));
    console.line(format_args!("key     {vkey}"));
    let mut exit = Exit::Ok;
    if let (Some(workspace), Some(directory)) = (&workspace, args.log.directory())
        && fs::same(workspace.log(), directory)?
        && trust::read(&workspace.trust_root())?
            .log()
            .is_some_and(|log| log.origin == origin)
    {
        let ledger = log::ledger(directory)?;
        let placed = log::append_roots(workspace, signer.as_ref(), &ledger)?;
        console.line(format_args!(
            "the trust root is logged as entry {}",
            placed.index
        ));
        exit = cosign::tell(&placed.cosigning, console);
    }
    console.json(&InitReport {
        log: shown(args.log.to_string()),
        origin,
        key: signer.public_key().id(),
        vkey,
    });
    Ok(exit)
}

#[derive(Serialize)]
struct InitReport {
    log: String,
    origin: String,
    key: KeyId,
    vkey: String,
}
