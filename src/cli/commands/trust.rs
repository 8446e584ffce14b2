//! `karat trust`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::{root_report as report, trust_sign, trust_update};
use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, DIM};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::key::{ImageGlob, KeyId, Receipts, Role, RoleKey, TrustDocument, TrustRoot};
use crate::ops::trust::{self, Change};
use crate::path::Escaped;
use crate::sys::clock;
use crate::tree::Epoch;

/// Arguments of `karat trust`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat trust show
  karat trust update --add-key baseline=ci.pub.pem,images=web-*
  karat trust update --end-key 3f2a10b4 --reason 'left the team'
  karat trust sign trust.draft.json --trust trust.json --key root.pem
  karat trust accept trust.draft.json

The format: docs/formats/trust-root.md. Who does what, and when: docs/guides/key-ceremony.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show whose signatures count, for what, and since when.
    #[command(after_help = "\
Examples:
  karat trust show                                     that of the workspace
  karat trust show /usr/lib/karat/trust.json --json    that of an instance")]
    Show {
        /// The trust root; else keys/trust.json of the nearest workspace above.
        file: Option<PathBuf>,
    },
    /// Make the next version: keys, thresholds, lowest serials, receipts, expiry.
    Update(Box<trust_update::Args>),
    /// Sign a next version that waits for root keys; works on any machine.
    Sign(trust_sign::SignArgs),
    /// Bring back a next version that was signed elsewhere.
    Accept(trust_sign::AcceptArgs),
    /// Throw a next version away that waits for root keys.
    Discard(trust_sign::DiscardArgs),
}

#[derive(Serialize)]
struct Document<'a> {
    digest: Digest,
    changes: Option<Vec<report::Shown<'a>>>,
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
    match &args.action {
        Action::Show { file } => show(file.as_deref(), console),
        Action::Update(args) => trust_update::run(args, console),
        Action::Sign(args) => trust_sign::sign(args, console),
        Action::Accept(args) => trust_sign::accept(args, console),
        Action::Discard(args) => trust_sign::discard(args, console),
    }
}

fn show(file: Option<&Path>, console: &Console) -> Result<Exit, Failure> {
    let (file, workspace) = if let Some(file) = file {
        (file.to_owned(), None)
    } else {
        let workspace = super::workspace(None)?;
        (workspace.trust_root(), Some(workspace))
    };
    let root = trust::read(&file)?;
    let before = workspace
        .map(|workspace| trust::predecessor(&workspace, &root))
        .transpose()?
        .flatten();
    let changes = before.map(|before| trust::changes(before.document(), root.document()));
    print(console, &root, changes.as_deref());
    let ids = root.document().roles.iter().flat_map(|(role, keys)| {
        keys.keys.iter().map(|key| Identified {
            id: key.key.id(),
            public: key.key.to_pem(),
            role: *role,
        })
    });
    console.json(&Document {
        changes: changes.as_deref().map(report::shown_changes),
        digest: root.digest(),
        content: root.document(),
        ids: ids.collect(),
    });
    Ok(Exit::Ok)
}

fn print(console: &Console, root: &TrustRoot, changes: Option<&[Change]>) {
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
        let live = keys.keys.iter().filter(|key| key.until.is_none()).count();
        let ended = match all.saturating_sub(live) {
            0 => String::new(),
            ended => format!(", {ended} ended"),
        };
        console.line(format_args!(
            "\n{BOLD}{role}{BOLD:#}  {threshold} of {live}{ended}"
        ));
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
    if let Some(changes) = changes {
        let before = root.version().saturating_sub(1);
        console.line(format_args!("\n{BOLD}since version {before}{BOLD:#}"));
        for change in changes {
            console.line(format_args!("  {change}"));
        }
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
    if let Some(reason) = &key.reason {
        words.push(format!("({})", Escaped(reason.as_bytes())));
    }
    [String::new()]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("  ")
}
