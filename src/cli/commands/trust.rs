//! `karat trust`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, DIM};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::key::{ImageGlob, KeyId, Receipts, Role, RoleKey, TrustDocument, TrustRoot};
use crate::ops::trust;
use crate::path::Escaped;
use crate::sys::clock;
use crate::tree::Epoch;

/// Arguments of `karat trust`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show whose signatures count, for what, and since when.
    Show {
        /// The trust root; else keys/trust.json of the nearest workspace above.
        file: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct Document<'a> {
    digest: Digest,
    #[serde(rename = "document")]
    content: &'a TrustDocument,
    ids: Vec<Identified>,
}

#[derive(Serialize)]
struct Identified {
    id: KeyId,
    public: String,
    role: Role,
}

/// Runs `karat trust`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let Action::Show { file } = &args.action;
    let file = match file {
        Some(file) => file.clone(),
        None => super::workspace(None)?.trust_root(),
    };
    let root = trust::read(&file)?;
    show(console, &root);
    let ids = root.document().roles.iter().flat_map(|(role, keys)| {
        keys.keys.iter().map(|key| Identified {
            id: key.key.id(),
            public: key.key.to_pem(),
            role: *role,
        })
    });
    console.json(&Document {
        digest: root.digest(),
        content: root.document(),
        ids: ids.collect(),
    });
    Ok(Exit::Ok)
}

fn show(console: &Console, root: &TrustRoot) {
    console.line(format_args!(
        "{BOLD}trust root, version {}{BOLD:#} {DIM}{}{DIM:#}",
        root.version(),
        root.digest()
    ));
    if let Some(expires) = root.expires() {
        let day = Epoch::new(expires).map_or_else(|_| expires.to_string(), Epoch::rfc3339);
        let passed = if clock::now() >= expires {
            " (passed)"
        } else {
            ""
        };
        console.line(format_args!("expires  {day}{passed}"));
    }
    if let Some(log) = root.log() {
        let receipt = match log.receipt {
            Receipts::Optional => "receipts optional",
            Receipts::Required => "receipts required",
        };
        let origin = Escaped(log.origin.as_bytes());
        console.line(format_args!("log      {origin} ({receipt})"));
    }
    for (role, keys) in &root.document().roles {
        let (all, threshold) = (keys.keys.len(), keys.threshold);
        console.line(format_args!("\n{BOLD}{role}{BOLD:#}  {threshold} of {all}"));
        for key in &keys.keys {
            console.line(format_args!("  {}{}", key.key.id(), remarks(key)));
        }
    }
    if !root.document().min_serial.is_empty() {
        console.line(format_args!("\n{BOLD}lowest serials{BOLD:#}"));
    }
    for (name, serial) in &root.document().min_serial {
        console.line(format_args!("  {}  {serial}", Escaped(name.as_bytes())));
    }
}

fn remarks(key: &RoleKey) -> String {
    let mut words = Vec::new();
    if let Some(name) = &key.name {
        words.push(Escaped(name.as_bytes()).to_string());
    }
    if !key.images.is_empty() {
        let images: Vec<&str> = key.images.iter().map(ImageGlob::as_str).collect();
        words.push(format!("images {}", images.join(" ")));
    }
    match (key.from, key.until) {
        (0, None) => {}
        (from, None) => words.push(format!("from entry {from}")),
        (from, Some(until)) => words.push(format!("entries {from} to before {until}: ended")),
    }
    [String::new()]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("  ")
}
