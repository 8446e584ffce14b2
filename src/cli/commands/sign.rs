//! `karat sign`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::baseline::{ImageName, ImageVersion, OpenError, Serial};
use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::{KeyId, Role};
use crate::limits;
pub(super) use crate::ops::instant::instant;
use crate::ops::log::{self, Notices};
use crate::ops::sign::{self, Document, Request, SignError};
use crate::ops::signer::KeySpec;
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::sys::fs;
use crate::tree::Epoch;

/// Arguments of `karat sign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat sign web_1.statement.json                           by keys/private/baseline.pem
  karat sign web_1.statement.json --key agent:SHA256:...    by ssh-agent
  karat sign web_1.dsse.json --key bob.pem                  a further signature

KEY is a file, agent:..., command:... or pkcs11:... : docs/formats/keys.md.

A draft that was signed before keeps its serial and its envelope. A draft that was not gets
--serial, or one more than the highest that the workspace's log knows for the image.

Where the workspace has a log and its key, the envelope is logged, and its receipt goes beside it as
X.tlog-proof; trust roots that are not logged yet go before it. A key that the log revoked signs
nothing. Exit code 13: all is done, and too few witnesses cosigned the log.")]
pub struct Args {
    /// A draft (.statement.json), or an envelope (.dsse.json) that gets a further signature.
    file: PathBuf,

    /// The private key; else keys/private/baseline.pem of the workspace. May be repeated.
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Vec<KeySpec>,

    /// The serial of this release, instead of the next one.
    #[arg(long, value_name = "N")]
    serial: Option<Serial>,

    /// When this release should have been replaced: a day or an instant, as in 2027-01-31 or
    /// 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = instant)]
    expires: Option<Epoch>,

    /// The trust root that says whose key may sign what; else that of the workspace.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// Sign without asking a trust root.
    #[arg(long, conflicts_with = "trust")]
    no_trust: bool,

    /// The workspace whose log records the signature; else the nearest one above.
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Where the envelope goes; else `NAME_VERSION.dsse.json` beside FILE.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    passphrase: Source,
}

#[derive(Serialize)]
struct Report {
    envelope: String,
    expires: Option<u64>,
    log_index: Option<u64>,
    missing: Option<String>,
    name: ImageName,
    newer_serial: Option<u64>,
    receipt: Option<String>,
    reused: bool,
    serial: u64,
    signed_by: Vec<KeyId>,
    version: ImageVersion,
}

/// Runs `karat sign`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let mut document = document(&args.file)?;
    let workspace = match &args.workspace {
        Some(directory) => Some(Workspace::at(directory)),
        None => Workspace::find(".")?,
    };
    let trust = match (&args.trust, &workspace) {
        _ if args.no_trust => None,
        (Some(file), _) => Some(trust::read(file)?),
        (None, Some(workspace)) => Some(trust::read(&workspace.trust_root())?),
        (None, None) => None,
    };
    let mut specs = keys::named_or_own(&args.key, workspace.as_ref(), Role::Baseline)?;
    if let (true, Some(workspace)) = (specs.is_empty(), &workspace) {
        let own = workspace.private_key(Role::Baseline.as_str());
        specs.push(KeySpec::File(own));
    }
    let signers = keys::open(&specs, args.passphrase, console)?;
    // Keys first: nobody waits for the log's lock while somebody types a passphrase.
    let log_key = super::log::key::of_workspace(workspace.as_ref(), args.passphrase, console)?;
    let log = workspace.as_ref().map(Workspace::log);
    let mut ledger = log.as_deref().map(log::ledger).transpose()?;
    let notices = match (&ledger, &trust) {
        (Some(ledger), Some(root)) => Some(Notices::of(ledger, root).map_err(SignError::from)?),
        _ => None,
    };
    let mut last = None;
    for signer in &signers {
        let first = last.is_none();
        let signed = sign::sign(
            &Request {
                document: &document,
                signer: signer.as_ref(),
                serial: args.serial.filter(|_| first),
                expires: args.expires.filter(|_| first),
                trust: trust.as_ref(),
                notices: notices.as_ref(),
            },
            ledger.as_mut(),
        )?;
        document = Document::Envelope(signed.envelope.clone());
        let reused = last.map_or(signed.reused, |last: sign::Signed| last.reused);
        last = Some(sign::Signed { reused, ..signed });
    }
    let Some(mut signed) = last else {
        return Err(Failure::usage("there is no key to sign with").hint("give --key KEY"));
    };

    let baseline = signed.statement.baseline();
    let output = match &args.output {
        Some(output) => output.clone(),
        None => args
            .file
            .with_file_name(format!("{}.dsse.json", baseline.stem())),
    };
    fs::write_atomic(&output, &signed.envelope.to_bytes(), 0o644)?;
    let mut logged = None;
    if let (Some(workspace), Some(key), Some(ledger)) = (&workspace, &log_key, &ledger) {
        let envelope = &signed.envelope;
        let added = log::append_signed(workspace, key.as_ref(), ledger, &output, envelope)?;
        let receipt = fs::read(&added.receipt, limits::RECEIPT_MAX)?;
        let opened = trust
            .as_ref()
            .map(|root| envelope.open_logged(root, &receipt));
        signed.missing = opened.and_then(Result::err);
        logged = Some(added);
    }

    let serial = signed.statement.serial();
    let how = if signed.reused { ", as before" } else { "" };
    console.line(format_args!(
        "signed {} {} as serial {serial}{how}: {}",
        baseline.name,
        baseline.version,
        output.display()
    ));
    let mut exit = Exit::Ok;
    if let Some(logged) = &logged {
        let how = if logged.was_there { ", as before" } else { "" };
        let (index, receipt) = (logged.index, logged.receipt.display());
        console.line(format_args!("logged as entry {index}{how}: {receipt}"));
        exit = super::log::cosign::tell(&logged.cosigning, console);
    }
    if let Some(newer) = signed.newer {
        console.warn(format_args!(
            "serial {newer} of {} exists; to release this draft again, give --serial {}",
            baseline.name,
            newer.next().unwrap_or(newer)
        ));
    }
    if let Some(missing) = &signed.missing {
        match missing {
            OpenError::ReceiptRequired => console.note(missing),
            other => console.warn(other),
        }
    }
    console.json(&Report {
        envelope: shown(output),
        expires: signed.statement.expires().map(Epoch::seconds),
        log_index: logged.as_ref().map(|logged| logged.index),
        receipt: logged.as_ref().map(|logged| shown(&logged.receipt)),
        missing: signed.missing.as_ref().map(ToString::to_string),
        name: baseline.name.clone(),
        newer_serial: signed.newer.map(Serial::get),
        reused: signed.reused,
        serial: serial.get(),
        signed_by: signers.iter().map(|key| key.public_key().id()).collect(),
        version: baseline.version.clone(),
    });
    Ok(exit)
}

fn document(file: &Path) -> Result<Document, Failure> {
    let bytes = fs::read(file, limits::ENVELOPE_MAX)?;
    Document::parse(&bytes).map_err(|error| {
        let failure = Failure::from(error);
        Failure {
            message: format!("{}: {}", file.display(), failure.message),
            ..failure
        }
    })
}
