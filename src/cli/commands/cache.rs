//! `karat cache`.

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;

/// Arguments of `karat cache`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `karat cache`.
pub fn run(_args: &Args, _console: &Console) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
