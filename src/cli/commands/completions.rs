//! `karat completions`.

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::args;
use crate::cli::console::Console;
use crate::cli::failure::Failure;

/// Arguments of `karat completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat completions bash > ~/.local/share/bash-completion/completions/karat
  karat completions zsh > ~/.local/share/zsh/site-functions/_karat
  karat completions fish > ~/.config/fish/completions/karat.fish")]
pub struct Args {
    /// For which shell
    shell: clap_complete::Shell,
}

/// What `--json` prints: `docs/schemas/completions.schema.json`.
#[derive(Serialize)]
struct Document<'a> {
    script: &'a str,
    shell: String,
}

/// Prints a completion script made from the command line's own definition.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::definition(), "karat", &mut script);
    if console.is_json() {
        console.json(&Document {
            script: &String::from_utf8_lossy(&script),
            shell: args.shell.to_string(),
        });
    } else {
        console.raw(&script);
    }
    Ok(Exit::Ok)
}
