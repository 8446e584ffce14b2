//! `karat init`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, shown};
use crate::cli::failure::Failure;
use crate::cli::passphrase::{self, Source};
use crate::key::{KeyId, Role};
use crate::ops::init::{self, Request};
use crate::ops::workspace::Workspace;

/// Arguments of `karat init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat init golden                                 asks for the root key's passphrase
  karat init golden --name example.com/images       with a name for the log
  karat init golden --passphrase-fd 3 3<passphrase  for scripts; or KARAT_ROOT_PASSPHRASE
  karat init golden --no-passphrase                 to try it out

What is there already is kept: a second run makes what is missing. Keys, and what to do with them:
docs/guides/key-ceremony.md.")]
pub struct Args {
    /// Where the workspace shall be.
    #[arg(default_value = ".")]
    directory: PathBuf,

    /// The origin of the log: a name that no other log has, such as example.com/images. It can
    /// never be changed. Left away, the log is named after its key.
    #[arg(long, value_name = "ORIGIN")]
    name: Option<String>,

    #[command(flatten)]
    passphrase: Source,

    /// Write the root key without encryption.
    #[arg(long, conflicts_with = "passphrase_fd")]
    no_passphrase: bool,

    /// Make a key of the role revoke, too: whoever has it can revoke keys without the root key, and
    /// do nothing else.
    #[arg(long)]
    revoke_key: bool,
}

#[derive(Serialize)]
struct Document {
    created: Vec<String>,
    kept: Vec<String>,
    keys: std::collections::BTreeMap<Role, KeyId>,
    root_key_encrypted: Option<bool>,
}

/// Runs `karat init`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let workspace = Workspace::at(&args.directory);
    let exists = crate::sys::fs::exists(workspace.trust_root())?;
    let passphrase = if args.no_passphrase || exists {
        None
    } else {
        args.passphrase
            .new_key(passphrase::ROOT_VARIABLE, "the root key")?
    };
    let done = init::init(&Request {
        workspace: &workspace,
        origin: args.name.as_deref(),
        passphrase: passphrase.as_ref(),
        revoke_key: args.revoke_key,
    })?;

    let templates = workspace.templates();
    list(console, "created", &done.created, &templates);
    list(console, "kept", &done.kept, &templates);
    if !done.keys.is_empty() {
        console.line("");
        for (role, key) in &done.keys {
            console.line(format_args!(
                "{BOLD}{:<9}{BOLD:#}{}",
                role.as_str(),
                key.id()
            ));
        }
        let root = workspace.private_key(Role::Root.as_str());
        if passphrase.is_none() {
            console.warn(format_args!(
                "{} is not encrypted: whoever reads it can replace every other key",
                plain(&root)
            ));
            if !args.no_passphrase {
                console.note(format_args!(
                    "      there is no terminal to ask on: {} or --passphrase-fd gives a passphrase",
                    passphrase::ROOT_VARIABLE
                ));
            }
        }
        console.note(format_args!(
            "next: move {} to a place that no builder can read; it signs trust roots and nothing else",
            plain(&root)
        ));
        console.note(format_args!(
            "      karat build {} -o {}",
            plain(&templates.join("web-frontend.toml")),
            plain(&workspace.root().join("out"))
        ));
    }
    console.json(&Document {
        root_key_encrypted: (!done.keys.is_empty()).then_some(passphrase.is_some()),
        keys: done
            .keys
            .iter()
            .map(|(role, key)| (*role, key.id()))
            .collect(),
        created: done.created.iter().map(shown).collect(),
        kept: done.kept.iter().map(shown).collect(),
    });
    Ok(Exit::Ok)
}

/// Keys one by one; the templates are many, and all in one place.
fn list(console: &Console, word: &str, paths: &[PathBuf], templates: &Path) {
    let (shipped, others): (Vec<_>, Vec<_>) =
        paths.iter().partition(|path| path.starts_with(templates));
    for path in others {
        console.line(format_args!("{word:<7}  {}", plain(path)));
    }
    if !shipped.is_empty() {
        let count = shipped.len();
        console.line(format_args!(
            "{word:<7}  {}: {count} files",
            plain(templates)
        ));
    }
}

/// `keys/trust.json`, not `./keys/trust.json`.
fn plain(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(".").unwrap_or(path).display()
}
