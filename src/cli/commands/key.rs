//! `karat key`.

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;

/// Arguments of `karat key`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `karat key`.
pub fn run(_args: &Args, _console: &Console) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
