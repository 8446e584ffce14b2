//! `karat log`.
//!
//! | file | what |
//! |---|---|
//! | `init`, `append`, `retire` | what writes entries |
//! | `key` | the key that signs checkpoints, and logging what a command just made |
//! | `cosign` | what the log's witnesses are asked |
//! | `show`, `proof` | entries and their receipts |
//! | `check`, `fork` | everything computed again; evidence of two histories |
//! | `monitor` | what came since the last look |
//! | `witness` | cosigning the logs of others |

mod append;
mod check;
pub mod cosign;
mod fork;
mod init;
pub mod key;
mod monitor;
mod proof;
mod retire;
mod show;
mod witness;

use std::path::Path;

use clap::Subcommand;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::log::{LogPlace, Way};
use crate::sys;

/// Arguments of `karat log`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log show log                             what was signed, by whom
  karat log check log                            compute everything again
  karat log append log out/web_1.dsse.json       writes the receipt out/web_1.tlog-proof
  karat log monitor https://example.com/log --trust trust.json --since log.seen

Keeping one, and witnessing others: docs/guides/log.md. Judging one: `karat audit`.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a log without entries.
    Init(init::Args),
    /// Add envelopes, trust roots and notices; write a receipt beside each envelope.
    Append(append::Args),
    /// Say in the log that releases should be used no more.
    Retire(retire::Args),
    /// Show the entries.
    Show(show::Args),
    /// Write the receipt of one entry, by the present checkpoint.
    Proof(proof::Args),
    /// Compute everything again: leaves, tiles, roots, every checkpoint that was published.
    Check(check::Args),
    /// Ask the log's witnesses for the cosignatures that its checkpoint lacks.
    Cosign(cosign::Args),
    /// Look at a log: whether it only grew, whether others see the same, and what is new.
    Monitor(monitor::Args),
    /// Cosign the checkpoints of other people's logs, over HTTP.
    Witness(witness::Args),
}

/// Runs `karat log`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Init(args) => init::run(args, console),
        Action::Append(args) => append::run(args, console),
        Action::Retire(args) => retire::run(args, console),
        Action::Show(args) => show::run(args, console),
        Action::Proof(args) => proof::run(args, console),
        Action::Check(args) => check::run(args, console),
        Action::Cosign(args) => cosign::run(args, console),
        Action::Monitor(args) => monitor::run(args, console),
        Action::Witness(args) => witness::run(args, console),
    }
}

/// Reads where a log is.
pub(super) fn place() -> impl TypedValueParser<Value = LogPlace> {
    OsStringValueParser::new().try_map(LogPlace::parse)
}

/// The way to logs that are elsewhere, as the environment says.
pub(super) fn way() -> Way {
    Way::of(&|name| sys::env::text(name), sys::env::cache_dir())
}

/// Where a workspace is looked for: above the log, or here where that is elsewhere.
pub(super) fn near(log: &LogPlace) -> &Path {
    log.directory().unwrap_or_else(|| Path::new("."))
}
