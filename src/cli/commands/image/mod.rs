//! `karat image`.

mod convert;
mod info;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::disk::ConvertError;

/// Arguments of `karat image`.
#[derive(Debug, clap::Args)]
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
}

/// Runs `karat image`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Convert(args) => convert::run(args, console),
        Action::Info(args) => info::run(args, console),
    }
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Self {
        Self::failed(&error)
    }
}
