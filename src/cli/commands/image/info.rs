//! `karat image info`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::digest::Digest;
use crate::image::disk::Container;
use crate::ops::disk;

/// Arguments of `karat image info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat image info web_1.vhd
  karat image info web_1.gcp.tar.gz --digest --json

With --digest, two containers can be compared: the digest is that of the disk in them. A container
that needs a second file, is encrypted, or has snapshots is refused.")]
pub(super) struct Args {
    /// The file.
    file: PathBuf,

    /// What it is: gcp, qcow2, raw, vhd or vmdk; else its magic numbers say so.
    #[arg(long, value_name = "CONTAINER")]
    from: Option<Container>,

    /// Read the whole disk, and say its SHA-256.
    #[arg(long)]
    digest: bool,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// What `--json` prints: `docs/schemas/image-info.schema.json`.
#[derive(Serialize)]
struct Document {
    container: &'static str,
    disk_bytes: u64,
    disk_sha256: Option<Digest>,
    file: String,
    file_bytes: u64,
}

/// Runs `karat image info`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let progress = args.progress.listener(console.is_quiet())?;
    let known = disk::info(&args.file, args.from, args.digest, &progress)?;
    console.json(&Document {
        container: known.container.name(),
        disk_bytes: known.disk,
        disk_sha256: known.digest,
        file: shown(&args.file),
        file_bytes: known.file,
    });
    console.line(format_args!("container  {}", known.container));
    console.line(format_args!("disk       {} bytes", known.disk));
    console.line(format_args!("file       {} bytes", known.file));
    if let Some(digest) = known.digest {
        console.line(format_args!("sha256     {digest}, of the disk"));
    }
    Ok(Exit::Ok)
}
