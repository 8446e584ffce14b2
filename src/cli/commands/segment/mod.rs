//! `karat segment`.
//!
//! | file | what |
//! |---|---|
//! | `check` | the fleet's rules |
//! | `graph` | what may reach what, in many forms |
//! | `diff` | what changed between two fleets |
//! | `export` | the same in the languages of others |

mod check;
mod diff;
mod export;
mod graph;

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::segment::{Loaded, SegmentError, load};
use crate::sys::fs::write_atomic;

/// Arguments of `karat segment`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment check templates/               every rule of the fleet, each fault with its line
  karat segment graph templates/ --format html -o fleet.html
  karat segment diff main/templates templates --format markdown
  karat segment export templates/ --format networkpolicy -o policies/

What templates state about their place: docs/formats/segment.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a fleet of templates: both ends agree, nothing is open for nobody, no way leads astray.
    Check(check::Args),
    /// Show what may reach what: as text, a table, a drawing or a page.
    Graph(graph::Args),
    /// Show which flows two revisions of a fleet differ in, and what can be reached now.
    Diff(diff::Args),
    /// Write the flows for Terraform, Kubernetes, Cilium or a spreadsheet.
    Export(export::Args),
}

/// Templates of a fleet.
#[derive(Debug, clap::Args)]
struct Templates {
    /// Templates, or directories of which every *.toml with a category belongs to the fleet.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,

    /// Demands and addresses; else the fleet.toml of the directory.
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
}

impl Templates {
    /// The fleet; faults of its files are shown, and are a failure.
    fn load(&self, console: &Console) -> Result<Loaded, Failure> {
        read(&self.paths, self.fleet.as_deref(), console)
    }
}

/// A fleet from files and directories.
fn read(
    paths: &[PathBuf],
    fleet: Option<&std::path::Path>,
    console: &Console,
) -> Result<Loaded, Failure> {
    load(paths, fleet).map_err(|error| match &error {
        SegmentError::Template(found) => {
            for diagnostic in &found.0 {
                console.diagnostic(diagnostic);
            }
            Failure::failed(&Faulty)
                .hint("mend them first: `karat template check FILE` says the same")
        }
        SegmentError::Nobody => Failure::failed(&error)
            .exit(Exit::Usage)
            .hint("state category and segment in [segment], or name other templates"),
        SegmentError::TooMuch(_) => Failure::failed(&error).exit(Exit::Usage),
        SegmentError::Io(_) => Failure::failed(&error),
    })
}

/// Writes a file whole, or prints it.
fn write(text: &str, output: Option<&std::path::Path>, console: &Console) -> Result<(), Failure> {
    if let Some(path) = output {
        return write_atomic(path, text.as_bytes(), 0o644).map_err(|error| Failure::failed(&error));
    }
    console.raw(text.as_bytes());
    Ok(())
}

/// The files have faults of their own, which are shown.
#[derive(Debug, thiserror::Error)]
#[error("there are faults in the templates")]
struct Faulty;

/// Runs `karat segment`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check(args) => check::run(args, console),
        Action::Graph(args) => graph::run(args, console),
        Action::Diff(args) => diff::run(args, console),
        Action::Export(args) => export::run(args, console),
    }
}
