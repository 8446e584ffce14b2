//! `karat log proof`.

use std::path::PathBuf;

use serde::Serialize;

use super::{place, way};
use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::ops::log::{self, LogPlace, Which};
use crate::sys::fs;
use crate::tlog::Checkpoint;

/// Arguments of `karat log proof`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log proof log 7 -o base_1.tlog-proof
  karat log proof log out/base_1.dsse.json -o out/base_1.tlog-proof")]
pub(super) struct Args {
    /// The log: a directory, or an address (http, https, file, s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The entry's index, or the file that was logged.
    entry: PathBuf,

    /// Where the receipt goes; else standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs `karat log proof`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let which = match args.entry.to_str().and_then(|text| text.parse().ok()) {
        Some(index) => Which::Index(index),
        None => Which::File(args.entry.clone()),
    };
    let receipt = log::proof(&args.log, &way(), &which)?;
    let bytes = receipt.to_bytes();
    match &args.output {
        Some(output) => {
            fs::write_atomic(output, &bytes, 0o644)?;
            console.line(format_args!("wrote    {}", output.display()));
        }
        None if !console.is_json() => console.raw(&bytes),
        None => {}
    }
    let size = Checkpoint::parse(receipt.checkpoint.text());
    console.json(&ProofReport {
        index: receipt.proof.index,
        tree_size: size.map_or(0, |checkpoint| checkpoint.head.size),
        receipt: args.output.as_ref().map(shown),
    });
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct ProofReport {
    index: u64,
    tree_size: u64,
    receipt: Option<String>,
}
