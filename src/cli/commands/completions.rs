//! `karat completions`.

use crate::cli::Exit;
use crate::cli::args;
use crate::cli::console::Console;
use crate::cli::failure::Failure;

/// Arguments of `karat completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  karat completions bash > ~/.local/share/bash-completion/completions/karat")]
pub struct Args {
    /// For which shell
    shell: clap_complete::Shell,
}

/// Prints a completion script made from the command line's own definition.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::definition(), "karat", &mut script);
    console.raw(&script);
    Ok(Exit::Ok)
}
