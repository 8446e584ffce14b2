//! `karat man`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::args;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::sys;
use crate::sys::fs::IoError;

/// Arguments of `karat man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  karat man ~/.local/share/man/man1")]
pub struct Args {
    /// Directory to write karat.1, karat-build.1 … into
    directory: PathBuf,
}

/// What `--json` prints: `docs/schemas/man.schema.json`.
#[derive(Serialize)]
struct Document {
    written: Vec<String>,
}

/// Writes a man page for `karat` and for each of its verbs.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    sys::fs::make_dirs(&args.directory, 0o755)?;
    let mut definition = args::definition();
    definition.build();
    let written = write_pages(&definition, &args.directory)?;
    console.line(format_args!(
        "{} pages in {}",
        written.len(),
        args.directory.display()
    ));
    console.json(&Document {
        written: written.iter().map(shown).collect(),
    });
    Ok(Exit::Ok)
}

fn write_pages(definition: &clap::Command, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut pending = vec![definition.clone()];
    let mut written = Vec::new();
    while let Some(command) = pending.pop() {
        pending.extend(
            command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .cloned(),
        );
        // Nothing of the machine goes into a page: the version is karat's, the date is left out.
        let page = clap_mangen::Man::new(command.clone()).date("");
        let mut text = Vec::new();
        let path = directory.join(page.get_filename());
        page.render(&mut text)
            .map_err(|error| IoError::new("render", &path, error))?;
        sys::fs::write_atomic(&path, &text, 0o644)?;
        written.push(path);
    }
    written.sort();
    Ok(written)
}
