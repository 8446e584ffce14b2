//! `karat trust update`.

use std::path::{Path, PathBuf};

use super::log::key::log_root;
use super::notice::Said;
use super::root_report::{self as report, More};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::{ImageGlob, Receipts, Role, Signer, TrustRoot};
use crate::ops::signer::KeySpec;
use crate::ops::trust::{self, Edit, Plan};
use crate::ops::workspace::Workspace;
use crate::tree::Epoch;

/// Arguments of `karat trust update`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat trust update --add-key root=alice.pub.pem,name=alice --threshold root=2
  karat trust update --add-key baseline=ci.pub.pem,images=web-*,images=db-*
  karat trust update --end-key 3f2a10b4 --reason 'left the team'
  karat trust update --min-serial web=12 --dry-run

ROLE is root, baseline, log, witness, revoke or fleet. KEY is an id, its first digits, or a
public key file. An ended key never counts again, a lowest serial never goes down: both ask.

With too few root keys at hand the next version waits as keys/trust.draft.json: `karat trust
sign` it where they are, `karat trust accept` it here.")]
pub struct Args {
    /// A key joins a role
    #[arg(long, value_name = "ROLE=FILE[,images=GLOB][,name=NAME]", value_parser = addition)]
    add_key: Vec<Addition>,

    /// A key ends: from log entry INDEX on, else from --at on
    #[arg(long, value_name = "KEY[@INDEX]")]
    end_key: Vec<String>,

    /// Why the keys end; part of the trust root
    #[arg(long, value_name = "TEXT", requires = "end_key")]
    reason: Option<String>,

    /// A baseline key may sign these images, and no others
    #[arg(long, value_name = "KEY=GLOB[,GLOB]")]
    images: Vec<String>,

    /// So many keys of a role must sign
    #[arg(long, value_name = "ROLE=N", value_parser = threshold)]
    threshold: Vec<(Role, usize)>,

    /// Releases of an image below this serial count no more
    #[arg(long, value_name = "IMAGE=N", value_parser = serial)]
    min_serial: Vec<(String, u64)>,

    /// Whether an envelope counts without a receipt of the log: required or optional
    #[arg(long, value_name = "HOW", value_parser = receipts)]
    receipts: Option<Receipts>,

    /// When the trust root should have been replaced: a day, an instant, or never
    #[arg(long, value_name = "DATE", value_parser = expiry)]
    expires: Option<Expiry>,

    #[command(flatten)]
    how: How,
}

/// How a next version is made, for every command that makes one.
#[derive(Clone, Debug, clap::Args)]
pub struct How {
    /// The log entry from which on keys begin and end; else the number of entries that the log has
    #[arg(long, value_name = "INDEX")]
    pub at: Option<u64>,

    /// Show what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask before what cannot be taken back
    #[arg(long)]
    pub yes: bool,

    /// The private root key; else keys/private/root.pem of the workspace, if it is there. May be
    /// repeated
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    pub key: Vec<KeySpec>,

    /// The workspace; else the nearest one above
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,

    /// Where the passphrase of a key comes from
    #[command(flatten)]
    pub passphrase: Source,
}

#[derive(Clone, Debug)]
struct Addition {
    role: Role,
    file: PathBuf,
    images: Vec<ImageGlob>,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Expiry(Option<u64>);

/// Runs `karat trust update`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let workspace = super::workspace(args.how.workspace.as_deref())?;
    let root = trust::read(&workspace.trust_root())?;
    let edits = edits(args, &workspace, &root)?;
    carry_out(&workspace, &edits, &args.how, None, console)
}

/// Shows a plan, asks where it cannot be taken back, and opens the root keys at hand; `None` where
/// only a look was wanted.
pub fn agree(
    workspace: &Workspace,
    plan: &Plan,
    how: &How,
    console: &Console,
) -> Result<Option<Vec<Box<dyn Signer>>>, Failure> {
    let stops = plan.stops.as_deref();
    report::preview(console, &plan.present, &plan.draft, stops);
    if how.dry_run {
        report::planned(console, &plan.present, &plan.draft, stops);
        return Ok(None);
    }
    report::ask(console, &plan.changes, how.yes)?;
    let specs = keys::named_or_own(&how.key, Some(workspace), Role::Root)?;
    keys::open(&specs, how.passphrase, console).map(Some)
}

/// Plans, shows, asks, signs, writes, logs. `notice` was made before.
pub fn carry_out(
    workspace: &Workspace,
    edits: &[Edit],
    how: &How,
    notice: Option<&Said>,
    console: &Console,
) -> Result<Exit, Failure> {
    let plan = trust::plan(workspace, edits)?;
    let Some(signers) = agree(workspace, &plan, how, console)? else {
        return Ok(Exit::Ok);
    };
    let stops = plan.stops.clone();
    let outcome = trust::start(workspace, plan, &signers)?;
    let more = More {
        stops: stops.as_deref(),
        log_index: log_root(&outcome, workspace, how.passphrase, console),
        notice,
        ..More::default()
    };
    report::concluded(console, &outcome, &more);
    Ok(Exit::Ok)
}

/// The log entry from which on a change counts.
pub fn position(how: &How, workspace: &Workspace, root: &TrustRoot) -> Result<u64, Failure> {
    match how.at {
        Some(at) => Ok(at),
        None => Ok(trust::entries(workspace, root)?),
    }
}

fn edits(args: &Args, workspace: &Workspace, root: &TrustRoot) -> Result<Vec<Edit>, Failure> {
    let at = position(&args.how, workspace, root)?;
    let document = root.document();
    let mut edits = Vec::new();
    for addition in &args.add_key {
        edits.push(Edit::Add {
            role: addition.role,
            key: keys::read_public(&addition.file)?,
            images: addition.images.clone(),
            name: addition.name.clone(),
            from: at,
        });
    }
    for text in &args.end_key {
        let (key, until) = match text.split_once('@') {
            Some((key, index)) => {
                let Ok(until) = index.parse() else {
                    return Err(Failure::usage(format!("--end-key {text}: no log entry")));
                };
                (key, until)
            }
            None => (text.as_str(), at),
        };
        edits.push(Edit::End {
            key: keys::find(document, key)?,
            until,
            reason: args.reason.clone(),
        });
    }
    for text in &args.images {
        let (key, globs) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--images {text}: KEY=GLOB is expected")))?;
        edits.push(Edit::Images {
            key: keys::find(document, key)?,
            images: globs
                .split(',')
                .map(ImageGlob::parse)
                .collect::<Result<_, _>>()
                .map_err(|error| Failure::usage(format!("--images {text}: {error}")))?,
        });
    }
    for (role, threshold) in &args.threshold {
        edits.push(Edit::Threshold {
            role: *role,
            threshold: *threshold,
        });
    }
    for (image, serial) in &args.min_serial {
        edits.push(Edit::MinSerial {
            image: image.clone(),
            serial: *serial,
        });
    }
    edits.extend(args.receipts.map(Edit::Receipts));
    edits.extend(args.expires.map(|expiry| Edit::Expires(expiry.0)));
    Ok(edits)
}

fn addition(text: &str) -> Result<Addition, String> {
    let (role, rest) = text.split_once('=').ok_or("ROLE=FILE is expected")?;
    let mut parts = rest.split(',');
    let mut addition = Addition {
        role: keys::role(role)?,
        file: Path::new(parts.next().unwrap_or_default()).to_owned(),
        images: Vec::new(),
        name: None,
    };
    for part in parts {
        match part.split_once('=') {
            Some(("images", glob)) => {
                let glob = ImageGlob::parse(glob).map_err(|error| error.to_string())?;
                addition.images.push(glob);
            }
            Some(("name", name)) => addition.name = Some(name.to_owned()),
            _ => return Err(format!("{part}: images=GLOB or name=NAME is expected")),
        }
    }
    Ok(addition)
}

fn threshold(text: &str) -> Result<(Role, usize), String> {
    let (role, number) = text.split_once('=').ok_or("ROLE=N is expected")?;
    let number = number.parse().or(Err("N is a number"))?;
    Ok((keys::role(role)?, number))
}

fn serial(text: &str) -> Result<(String, u64), String> {
    let (image, number) = text.split_once('=').ok_or("IMAGE=N is expected")?;
    let image = crate::baseline::ImageName::parse(image).map_err(|error| error.to_string())?;
    let serial: crate::baseline::Serial = number.parse().or(Err("N is a serial, 1 or more"))?;
    Ok((image.to_string(), serial.get()))
}

fn receipts(text: &str) -> Result<Receipts, String> {
    match text {
        "required" => Ok(Receipts::Required),
        "optional" => Ok(Receipts::Optional),
        _ => Err("required or optional is expected".to_owned()),
    }
}

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry(None));
    }
    super::sign::instant(text)
        .map(Epoch::seconds)
        .map(Some)
        .map(Expiry)
}
