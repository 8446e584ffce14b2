//! One thin file per verb: arguments in, an operation called, its result rendered.

pub mod attach;
pub mod audit;
pub mod boot;
pub mod build;
pub mod cache;
pub mod completions;
pub mod diff;
pub mod export;
pub mod harden;
pub mod image;
pub mod init;
pub mod key;
pub mod key_rotate;
pub mod lock;
pub mod log;
pub mod man;
pub mod notice;
pub mod responsibility;
pub mod root_report;
pub mod segment;
pub mod sign;
pub mod template;
pub mod trust;
pub mod trust_sign;
pub mod trust_update;
pub mod verify;

use std::path::Path;

use clap::Subcommand;

use super::Exit;
use super::console::Console;
use super::failure::Failure;
use crate::ops::workspace::Workspace;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a workspace: templates, keys with a trust root, a log, .gitignore.
    Init(init::Args),
    /// Check, show or describe templates.
    Template(template::Args),
    /// Resolve a template to exact packages.
    Lock(lock::Args),
    /// Build an image from a template.
    Build(build::Args),
    /// Start a disk image in a virtual machine, for a look before it ships, or as a check.
    Boot(boot::Args),
    /// Show or prune what karat keeps to build faster.
    Cache(cache::Args),
    /// Look into disks and kernel images: measurements, containers that clouds take, Secure Boot.
    Image(image::Args),
    /// List and explain hardening rules, and check them anywhere.
    Harden(harden::Args),
    /// Check, draw, compare and export what may reach what in a fleet of templates.
    Segment(segment::Args),
    /// Sign a statement that was built elsewhere.
    Sign(sign::Args),
    /// Put an envelope and its neighbours beside finished outputs.
    Attach(attach::Args),
    /// Prove that an image, a tar or a directory matches its signed baseline.
    Verify(Box<verify::Args>),
    /// Show what differs between two baselines or images.
    Diff(diff::Args),
    /// Write what other tools read: sigstore bundles, OpenSSH signatures, SLSA provenance.
    Export(export::Args),
    /// Make, show, import, rotate and revoke keys.
    Key(key::Args),
    /// Show and change the trust root: whose signatures count.
    Trust(trust::Args),
    /// Keep a log of what was signed that only grows, and prove what is in it.
    Log(log::Args),
    /// Replay and judge a log: who signed what, with which key, in which order.
    Audit(audit::Args),
    /// Say who is responsible for what, what is not covered, and which evidence there is.
    Responsibility(responsibility::Args),
    /// Print a completion script for a shell.
    Completions(completions::Args),
    /// Write man pages.
    Man(man::Args),
}

/// Does it.
pub fn run(command: &Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(args, console),
        Command::Template(args) => template::run(args, console),
        Command::Lock(args) => lock::run(args, console),
        Command::Build(args) => build::run(args, console),
        Command::Boot(args) => boot::run(args, console),
        Command::Cache(args) => cache::run(args, console),
        Command::Image(args) => image::run(args, console),
        Command::Harden(args) => harden::run(args, console),
        Command::Segment(args) => segment::run(args, console),
        Command::Sign(args) => sign::run(args, console),
        Command::Attach(args) => attach::run(args, console),
        Command::Verify(args) => verify::run(args, console),
        Command::Diff(args) => diff::run(args, console),
        Command::Export(args) => export::run(args, console),
        Command::Key(args) => key::run(args, console),
        Command::Trust(args) => trust::run(args, console),
        Command::Log(args) => log::run(args, console),
        Command::Audit(args) => audit::run(args, console),
        Command::Responsibility(args) => responsibility::run(args, console),
        Command::Completions(args) => completions::run(args, console),
        Command::Man(args) => man::run(args, console),
    }
}

/// The workspace that was named, or the nearest one above the working directory.
fn workspace(named: Option<&Path>) -> Result<Workspace, Failure> {
    match named {
        Some(directory) => Ok(Workspace::at(directory)),
        None => Workspace::find(".")?.ok_or_else(|| {
            Failure::usage("there is no workspace here or above")
                .hint("make one: `karat init`, or name one")
        }),
    }
}
