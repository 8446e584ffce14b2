//! The command line of `karat`.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use super::Exit;
use super::commands::{self, Command};
use super::console::Console;

/// Builds hardened golden images from templates, signs what they contain, and proves that
/// instances still match.
#[derive(Debug, Parser)]
#[command(
    name = "karat",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = "\
Examples:
  karat init                                   make a workspace: keys, trust root, templates
  karat build templates/base.toml -o out       build and sign an image
  karat verify --tar out/base_1.tar.zst        prove that it is what was signed

Exit codes: 0 match or done · 1 failed · 2 usage · 10 drift or findings · 11 untrusted ·
12 rollback · 13 incomplete")]
pub struct Arguments {
    /// Print one JSON document on standard output instead of text.
    #[arg(long, global = true, display_order = LAST)]
    json: bool,

    /// Print nothing but results and errors.
    #[arg(long, short, global = true, display_order = LAST)]
    quiet: bool,

    #[command(subcommand)]
    command: Command,
}

/// What all commands have stands below what is a command's own.
const LAST: usize = 900;

/// The definition of the command line: for completions and man pages.
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// Runs `karat`.
pub fn main() -> ExitCode {
    // Before anything else: this process may be one of a build's own sandbox.
    if let Some(exit) = crate::stage::run_as_worker() {
        return exit;
    }
    // Or one that becomes another program: a virtual machine.
    if let Some(exit) = crate::sys::machine::run_tied() {
        return exit;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            drop(error.print());
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Ok.into()
            };
        }
    };
    let console = Console::new(arguments.json, arguments.quiet);
    let exit = match commands::run(&arguments.command, &console) {
        Ok(exit) => exit,
        Err(failure) => {
            console.failure(&failure);
            failure.exit
        }
    };
    console.end(exit).into()
}
