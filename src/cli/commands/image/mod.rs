//! `karat image`.

mod convert;
mod firmware;
mod info;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::disk::ConvertError;

/// Arguments of `karat image`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat image inspect web_1.efi
  karat image measure web_1.efi --loader systemd-bootx64.efi
  karat image sign web_1.efi --certificate db.pem --key db.key -o web_1.signed.efi
  karat image convert web_1.raw --to qcow2 -o web_1.qcow2
  karat image info web_1.qcow2

Unified kernel images: docs/formats/uki.md; predicted measurements: docs/formats/measure.md;
containers: docs/formats/containers.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Put a disk into the container that a cloud or hypervisor takes.
    Convert(convert::Args),
    /// Say what container a file is, and what disk lies in it.
    Info(info::Args),
    /// Show what is in a program for UEFI firmware: sections, digests, signatures. Nothing is trusted.
    Inspect(firmware::Inspect),
    /// Predict the TPM registers (PCRs) that a boot of a unified kernel image leaves.
    Measure(firmware::Measure),
    /// Append a signature for UEFI Secure Boot; predictions and statements stay true.
    Sign(firmware::Sign),
}

/// Runs `karat image`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Convert(args) => convert::run(args, console),
        Action::Info(args) => info::run(args, console),
        Action::Inspect(args) => firmware::inspect(args, console),
        Action::Measure(args) => firmware::measure(args, console),
        Action::Sign(args) => firmware::sign(args, console),
    }
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Self {
        Self::failed(&error)
    }
}
