//! `karat harden`.
//!
//! | file | what |
//! |---|---|
//! | `catalogue` | which rules there are, and all about one |
//! | `check` | rules on a root, an image, or results of a build |
//! | `exposure` | how exposed services are |

mod catalogue;
mod check;
mod exposure;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::harden::Profile;
use crate::written::Choice as _;

/// Arguments of `karat harden`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat harden list --profile server-l1          the rules of a profile
  karat harden explain sh.root                   all about one of them
  karat harden list --scap sshd_disable_root_login    who answers what OpenSCAP says fails
  karat harden check --root /                    this machine: its files and the values in force
  karat harden check --tar out/base_1.tar.zst --template templates/base.toml
  karat harden exposure out/base_1.tar.zst      how open each service is, and what would help

How templates choose rules: docs/guides/hardening.md. Files of rules: docs/formats/rules.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the rules that there are.
    List(catalogue::ListArgs),
    /// Show all about one rule: why, what it sets, what it may break, who else asks for it.
    Explain(catalogue::ExplainArgs),
    /// Check the rules of a profile on a root, an image, or results of a build.
    Check(check::Args),
    /// Show how exposed services are, as systemd measures it, and what would lower it.
    Exposure(exposure::Args),
}

/// Runs `karat harden`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::List(args) => catalogue::list(args, console),
        Action::Explain(args) => catalogue::explain(args, console),
        Action::Check(args) => check::run(args, console),
        Action::Exposure(args) => exposure::run(args, console),
    }
}

/// A profile by its word.
fn profile(text: &str) -> Result<Profile, String> {
    let words = Profile::WORDS.iter();
    let mut found = words.filter(|(word, _)| *word == text);
    found.next().map(|(_, profile)| *profile).ok_or_else(|| {
        let words: Vec<&str> = Profile::WORDS.iter().map(|(word, _)| *word).collect();
        format!("a profile is one of {}", words.join(", "))
    })
}
