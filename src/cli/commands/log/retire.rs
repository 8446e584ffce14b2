//! `karat log retire`.

use std::path::PathBuf;

use serde::Serialize;

use crate::baseline::{ImageName, Serial};
use crate::cli::Exit;
use crate::cli::commands::notice::{Said, declare, in_charge};
use crate::cli::commands::workspace;
use crate::cli::confirm::confirm;
use crate::cli::console::{BOLD, Console};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::KeyId;
use crate::log::{Notice, Retirement};
use crate::ops::signer::KeySpec;
use crate::ops::trust;

/// Arguments of `karat log retire`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log retire web --serial 3 --reason 'it loses mail'
  karat log retire web --through 3 --reason CVE-2027-1234

It is a word for whoever reads the log, and for `karat sign` in this workspace. Instances obey the
trust root: `karat trust update --min-serial web=4`.")]
pub(super) struct Args {
    /// The image's name.
    #[arg(value_parser = name)]
    image: ImageName,

    /// The release.
    #[arg(long, value_name = "N", required_unless_present = "through")]
    serial: Option<Serial>,

    /// The first release, where there are several; else 1.
    #[arg(long, value_name = "N", requires = "through")]
    from: Option<Serial>,

    /// The last release, where there are several.
    #[arg(long, value_name = "N", conflicts_with = "serial")]
    through: Option<Serial>,

    /// Why: at most 256 bytes, for everybody to read.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// The private key of the role revoke, or a root key where nobody has that role; else that of the
    /// workspace. May be repeated.
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Vec<KeySpec>,

    /// Do not ask: it cannot be taken back.
    #[arg(long)]
    yes: bool,

    /// The workspace; else the nearest one above.
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    #[command(flatten)]
    passphrase: Source,
}

/// What `--json` prints: `docs/schemas/log-retire.schema.json`.
#[derive(Serialize)]
struct Report {
    image: ImageName,
    from: u64,
    through: u64,
    reason: String,
    signed_by: Vec<KeyId>,
    notice: Said,
}

/// Runs `karat log retire`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let workspace = workspace(args.workspace.as_deref())?;
    let root = trust::read(&workspace.trust_root())?;
    let (from, through) = match (args.serial, args.from, args.through) {
        (Some(serial), ..) => (serial, serial),
        (None, from, Some(through)) => (from.unwrap_or(Serial::FIRST), through),
        (None, _, None) => return Err(Failure::usage("no serial is given").hint("give --serial N")),
    };
    let notice = Notice::Retire(Retirement {
        image: args.image.clone(),
        from,
        through,
        reason: args.reason.clone(),
    });
    let role = in_charge(&workspace, &root)?;
    let specs = keys::named_or_own(&args.key, Some(&workspace), role)?;
    if specs.is_empty() {
        return Err(
            Failure::usage(format!("there is no {role} key to sign it with"))
                .hint("give --key KEY; `karat trust show` lists whose keys count"),
        );
    }
    confirm(console, args.yes, "Retiring a release", "retire")?;
    let signers = keys::open(&specs, args.passphrase, console)?;
    let file = format!("retire.{}.{from}-{through}.dsse.json", args.image);
    let said = declare(
        &workspace,
        &root,
        &notice,
        &signers,
        &file,
        args.passphrase,
        console,
    )?;
    if root.min_serial(args.image.as_str()) <= through.get() {
        console.note(format_args!(
            "{BOLD}next:{BOLD:#}  instances obey the trust root: karat trust update --min-serial {}={}",
            args.image,
            through.get().saturating_add(1)
        ));
    }
    let exit = said.exit;
    console.json(&Report {
        image: args.image.clone(),
        from: from.get(),
        through: through.get(),
        reason: args.reason.clone(),
        signed_by: signers.iter().map(|key| key.public_key().id()).collect(),
        notice: said,
    });
    Ok(exit)
}

fn name(text: &str) -> Result<ImageName, String> {
    ImageName::parse(text).map_err(|error| error.to_string())
}
