//! `karat key`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::key_rotate::{self, RevokeArgs, RotateArgs};
use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::{self, Source};
use crate::key::{KeyId, PublicKey, Signer as _};
use crate::ops::key::{self, Kind};
use crate::ops::signer::KeySpec;
use crate::sys::fs;

/// Arguments of `karat key`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat key new --out ci.pem --public ci.pub.pem
  karat key show keys/private/baseline.pem
  karat key rotate baseline
  karat key revoke 3f2a10b4 --reason 'laptop stolen'

Keys are Ed25519: docs/formats/keys.md. Making, changing and losing them:
docs/guides/key-ceremony.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a new key; print its public half.
    #[command(after_help = "\
Examples:
  karat key new --out ci.pem --public ci.pub.pem
  karat key new --out root.pem --encrypt

It counts for nothing until a trust root names it: `karat trust update --add-key`.")]
    New {
        /// Where the private key goes (0600); never overwritten.
        #[arg(long, value_name = "FILE", default_value = "key.pem")]
        out: PathBuf,

        /// Write the public half here, as PEM.
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,

        /// Encrypt it; the passphrase comes from --passphrase-fd, KARAT_KEY_PASSPHRASE or a prompt.
        #[arg(long)]
        encrypt: bool,

        #[command(flatten)]
        passphrase: Source,
    },
    /// Show the id and the public half of a key.
    #[command(after_help = "\
Examples:
  karat key show keys/private/baseline.pem
  karat key show ~/.ssh/id_ed25519.pub
  karat key show agent:SHA256:... --public held.pub.pem")]
    Show {
        /// PKCS#8 or a public key, in PEM or DER, a line ssh-ed25519, or agent:..., command:...,
        /// pkcs11:...
        #[arg(value_name = "KEY", value_parser = keys::parser())]
        file: KeySpec,

        /// Write the public half here, as PEM.
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,

        #[command(flatten)]
        passphrase: Source,
    },
    /// Check a key and keep its public half in the workspace, as keys/NAME.pub.pem.
    #[command(after_help = "\
Examples:
  karat key import alice.pub.pem --name alice
  karat key import ~/.ssh/id_ed25519.pub

It counts for nothing until a trust root names it: `karat trust update --add-key`.")]
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
    /// Put a new key in the place of the present one: one new trust root.
    Rotate(RotateArgs),
    /// End a key for good: what it signs from then on counts for nothing.
    Revoke(RevokeArgs),
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
            public,
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
            write_public(public.as_deref(), key.public_key())?;
            let encrypted = passphrase.is_some();
            print(
                console,
                out,
                Held::File(Kind::Private { encrypted }),
                key.public_key(),
            );
        }
        Action::Show {
            file,
            public,
            passphrase,
        } => {
            let KeySpec::File(path) = file else {
                let name = PathBuf::from(file.to_string());
                let held = file.open(|| passphrase.existing(console, &name))?;
                write_public(public.as_deref(), held.public_key())?;
                print(console, &name, Held::Elsewhere, held.public_key());
                return Ok(Exit::Ok);
            };
            let shown = key::show(path, || passphrase.existing(console, path))?;
            write_public(public.as_deref(), shown.public)?;
            print(console, path, shown.kind.into(), shown.public);
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
            print(
                console,
                &imported.path,
                Held::File(Kind::Public),
                imported.public,
            );
            console.note("it counts for nothing until a trust root names it");
        }
        Action::Rotate(args) => return key_rotate::rotate(args, console),
        Action::Revoke(args) => return key_rotate::revoke(args, console),
    }
    Ok(Exit::Ok)
}

fn write_public(path: Option<&Path>, key: PublicKey) -> Result<(), Failure> {
    match path {
        Some(path) => Ok(fs::write_atomic(path, key.to_pem().as_bytes(), 0o644)?),
        None => Ok(()),
    }
}

/// Where a key is.
#[derive(Clone, Copy)]
enum Held {
    File(Kind),
    /// An agent, a program or a token has it.
    Elsewhere,
}

impl From<Kind> for Held {
    fn from(kind: Kind) -> Self {
        Self::File(kind)
    }
}

fn print(console: &Console, file: &Path, kind: Held, public: PublicKey) {
    let (word, encrypted) = match kind {
        Held::File(Kind::Private { encrypted }) => ("private", Some(encrypted)),
        Held::File(Kind::Public) => ("public", None),
        Held::Elsewhere => ("held", None),
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
