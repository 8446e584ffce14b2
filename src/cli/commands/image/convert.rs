//! `karat image convert`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::image::disk::Container;
use crate::ops::disk::{self, Conversion};
use crate::sys;
use crate::tree::Epoch;

/// Arguments of `karat image convert`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat image convert web_1.raw --to qcow2 -o web_1.qcow2
  karat image convert web_1.raw --to vhd -o web_1.vhd       for Azure: whole MiB
  karat image convert web_1.raw --to gcp -o web_1.gcp.tar.gz   for Google: whole GiB
  karat image convert web_1.vmdk --to raw -o web_1.raw      and back

The same disk gives the same bytes. The containers: docs/formats/containers.md.")]
pub(super) struct Args {
    /// The file with the disk.
    file: PathBuf,

    /// What it is: gcp, qcow2, raw, vhd or vmdk; else its magic numbers say so.
    #[arg(long, value_name = "CONTAINER")]
    from: Option<Container>,

    /// What it shall become: gcp, qcow2, raw, vhd (fixed) or vmdk (stream-optimised).
    #[arg(long, value_name = "CONTAINER")]
    to: Container,

    /// Compress the clusters of a qcow2 file with zstd; vmdk and gcp are compressed always.
    #[arg(long)]
    compress: bool,

    /// Where the container goes.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// What `--json` prints: `docs/schemas/image-convert.schema.json`.
#[derive(Serialize)]
struct Document {
    from: &'static str,
    to: &'static str,
    disk_bytes: u64,
    container_disk_bytes: u64,
    file_bytes: u64,
    written: String,
}

/// Runs `karat image convert`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    if args.compress && args.to != Container::Qcow2 {
        return Err(Failure::usage("--compress is for qcow2 alone")
            .hint("leave it out: vmdk and gcp are compressed always, raw and vhd never"));
    }
    let time = sys::env::epoch().map_err(|error| {
        Failure::usage(format!("SOURCE_DATE_EPOCH: {error}"))
            .hint("set it to seconds since 1970, or unset it")
    })?;
    let conversion = Conversion {
        from: args.from,
        to: args.to,
        compress: args.compress,
        time: time.map_or(0, Epoch::seconds),
        threads: sys::cpu::count(),
    };
    let progress = args.progress.listener(console.is_quiet())?;
    let (read, written) = disk::convert(&args.file, &args.output, &conversion, &progress)?;
    console.json(&Document {
        from: read.container.name(),
        to: written.container.name(),
        disk_bytes: read.disk,
        container_disk_bytes: written.disk,
        file_bytes: written.file,
        written: shown(&args.output),
    });
    console.line(format_args!(
        "{}: {}, a disk of {} bytes in {}",
        shown(&args.output),
        written.container,
        written.disk,
        written.file
    ));
    Ok(Exit::Ok)
}
