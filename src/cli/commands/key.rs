//! `karat key`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::passphrase::{self, Source};
use crate::key::{KeyId, PublicKey, Signer as _};
use crate::ops::key::{self, Kind};

/// Arguments of `karat key`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a new key; print its public half.
    New {
        /// Where the private key goes (0600); never overwritten.
        #[arg(long, value_name = "FILE", default_value = "key.pem")]
        out: PathBuf,

        /// Encrypt it; the passphrase comes from --passphrase-fd, KARAT_KEY_PASSPHRASE or a prompt.
        #[arg(long)]
        encrypt: bool,

        #[command(flatten)]
        passphrase: Source,
    },
    /// Show the id and the public half of a key file.
    Show {
        /// PKCS#8 or a public key, in PEM or DER, or a line ssh-ed25519.
        file: PathBuf,

        #[command(flatten)]
        passphrase: Source,
    },
    /// Check a key and keep its public half in the workspace, as keys/NAME.pub.pem.
    Import {
        /// PKCS#8 or a public key, in PEM or DER, or a line ssh-ed25519.
        file: PathBuf,

        /// Its name; else the first digits of its id.
        #[arg(long)]
        name: Option<String>,

        /// The workspace; else the nearest one above.
        #[arg(long, value_name = "DIR")]
        workspace: Option<PathBuf>,

        #[command(flatten)]
        passphrase: Source,
    },
}

#[derive(Serialize)]
struct Document {
    algorithm: &'static str,
    encrypted: Option<bool>,
    file: String,
    id: KeyId,
    kind: &'static str,
    public: String,
}

/// Runs `karat key`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::New {
            out,
            encrypt,
            passphrase,
        } => {
            let passphrase = if *encrypt || passphrase.passphrase_fd.is_some() {
                let found = passphrase.new_key(passphrase::KEY_VARIABLE, &out.to_string_lossy())?;
                let nowhere = || {
                    Failure::usage("there is no passphrase to encrypt with").hint(
                        "give it by --passphrase-fd FD, by KARAT_KEY_PASSPHRASE, or on a terminal",
                    )
                };
                Some(found.ok_or_else(nowhere)?)
            } else {
                None
            };
            let key = key::create(out, passphrase.as_ref())?;
            let encrypted = passphrase.is_some();
            print(console, out, Kind::Private { encrypted }, key.public_key());
        }
        Action::Show { file, passphrase } => {
            let shown = key::show(file, || passphrase.existing(console, file))?;
            print(console, file, shown.kind, shown.public);
        }
        Action::Import {
            file,
            name,
            workspace,
            passphrase,
        } => {
            let shown = key::show(file, || passphrase.existing(console, file))?;
            let workspace = super::workspace(workspace.as_deref())?;
            let imported = key::import(&workspace, shown.public, name.as_deref())?;
            print(console, &imported.path, Kind::Public, imported.public);
            console.note("it counts for nothing until a trust root names it");
        }
    }
    Ok(Exit::Ok)
}

fn print(console: &Console, file: &Path, kind: Kind, public: PublicKey) {
    let (word, encrypted) = match kind {
        Kind::Private { encrypted } => ("private", Some(encrypted)),
        Kind::Public => ("public", None),
    };
    let protection = match encrypted {
        Some(true) => ", encrypted",
        Some(false) => ", not encrypted",
        None => "",
    };
    console.line(format_args!(
        "file  {} ({word}{protection})",
        file.display()
    ));
    console.line(format_args!("id    {}", public.id()));
    console.line(public.to_pem().trim_end());
    console.json(&Document {
        algorithm: "ed25519",
        encrypted,
        file: shown(file),
        id: public.id(),
        kind: word,
        public: public.to_pem(),
    });
}
