//! `karat segment peers`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, GOOD, shown};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::{KeyId, Role, TrustRoot};
use crate::ops::segment::{SignPeersError, open_peers, read_peers, sign_peers};
use crate::ops::signer::KeySpec;
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::peers::{Peers, PeersError};
use crate::sys::fs;
use crate::tree::Epoch;

/// Arguments of `karat segment peers`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment peers sign peers/data.toml                  by keys/private/fleet.pem
  karat segment peers sign data.dsse.json --key bob.pem     a further signature
  karat segment peers show data.dsse.json

Instances take it from /var/lib/karat/peers/SEGMENT.dsse.json. The format: docs/formats/peers.md.")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Sign where the instances of other segments are, for the instances of one.
    Sign(SignArgs),
    /// Show a document of peers, as far as instances take it.
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment peers sign peers/data.toml                  by keys/private/fleet.pem
  karat segment peers sign data.dsse.json --key bob.pem     a further signature

The format: docs/formats/peers.md.")]
struct SignArgs {
    /// TOML or JSON with segment, serial, sets, and maybe expires; or an envelope (.dsse.json) that
    /// gets a further signature.
    file: PathBuf,

    /// The private key; else keys/private/fleet.pem of the workspace. May be repeated.
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Vec<KeySpec>,

    /// Where the envelope goes; else SEGMENT.dsse.json beside FILE.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    trusted: Trusted,

    #[command(flatten)]
    passphrase: Source,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment peers show data.dsse.json
  karat segment peers show data.dsse.json --trust trust.json --json")]
struct ShowArgs {
    /// The envelope.
    file: PathBuf,

    #[command(flatten)]
    trusted: Trusted,
}

/// Whose signatures count.
#[derive(Debug, clap::Args)]
struct Trusted {
    /// The trust root; else that of the workspace.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// The workspace; else the nearest one above.
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

impl Trusted {
    fn workspace(&self) -> Result<Option<Workspace>, Failure> {
        match &self.workspace {
            Some(directory) => Ok(Some(Workspace::at(directory))),
            None => Ok(Workspace::find(".")?),
        }
    }

    fn root(&self, workspace: Option<&Workspace>) -> Result<TrustRoot, Failure> {
        let file = match (&self.trust, workspace) {
            (Some(file), _) => file.clone(),
            (None, Some(workspace)) => workspace.trust_root(),
            (None, None) => {
                let message = "there is no trust root to say whose keys count";
                return Err(Failure::usage(message).hint("give --trust FILE or --workspace DIR"));
            }
        };
        Ok(trust::read(&file)?)
    }
}

#[derive(Serialize)]
struct Document {
    envelope: String,
    expires: Option<u64>,
    missing: Option<String>,
    segment: String,
    serial: u64,
    sets: BTreeMap<String, Vec<String>>,
    signed_by: Vec<KeyId>,
    version: u32,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Sign(args) => sign(args, console),
        Action::Show(args) => show(args, console),
    }
}

fn sign(args: &SignArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = args.trusted.workspace()?;
    let root = args.trusted.root(workspace.as_ref())?;
    let input = read_peers(&args.file)?;
    let specs = keys::named_or_own(&args.key, workspace.as_ref(), Role::Fleet)?;
    if specs.is_empty() {
        let hint =
            "give --key KEY, or make keys/private/fleet.pem: docs/guides/segmentation-hosts.md";
        return Err(Failure::usage("there is no key to sign with").hint(hint));
    }
    let signers = keys::open(&specs, args.passphrase, console)?;
    let signed = sign_peers(input, &signers, &root)?;
    let output = args.output.clone().unwrap_or_else(|| {
        let directory = args.file.parent().unwrap_or_else(|| Path::new(""));
        directory.join(format!("{}.dsse.json", signed.peers.segment))
    });
    fs::write_atomic(&output, &signed.envelope.to_bytes(), 0o644)?;
    console.line(format_args!(
        "{GOOD}signed{GOOD:#}   peers of {}, serial {}: {}",
        signed.peers.segment,
        signed.peers.serial,
        shown(&output)
    ));
    if let Some(missing) = &signed.missing {
        console.note(format_args!("no instance takes it yet: {missing}"));
    }
    let ids = signers.iter().map(|signer| signer.public_key().id());
    let missing = signed.missing.map(|error| error.to_string());
    console.json(&document(&output, &signed.peers, missing, ids.collect()));
    Ok(Exit::Ok)
}

fn show(args: &ShowArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = args.trusted.workspace()?;
    let root = args.trusted.root(workspace.as_ref())?;
    let peers = open_peers(&args.file, &root)?;
    console.line(format_args!(
        "peers of {}, serial {}",
        peers.segment, peers.serial
    ));
    if let Some(expires) = peers.expires {
        let when = Epoch::new(expires).map_or_else(|_| expires.to_string(), Epoch::rfc3339);
        console.line(format_args!("expires  {when}"));
    }
    for (name, networks) in &peers.sets {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let networks = if networks.is_empty() {
            "nowhere".to_owned()
        } else {
            networks.join(" ")
        };
        console.line(format_args!("{name:<8} {networks}"));
    }
    let ids: Vec<KeyId> = peers
        .quorum()
        .keys()
        .map(crate::key::PublicKey::id)
        .collect();
    for id in &ids {
        console.line(format_args!("signed by {}", id.short()));
    }
    console.json(&document(&args.file, &peers, None, ids));
    Ok(Exit::Ok)
}

fn document(
    path: &Path,
    peers: &Peers,
    missing: Option<String>,
    signed_by: Vec<KeyId>,
) -> Document {
    let sets = peers.sets.iter().map(|(name, networks)| {
        let networks = networks.iter().map(ToString::to_string);
        (name.clone(), networks.collect())
    });
    Document {
        envelope: shown(path),
        expires: peers.expires,
        missing,
        segment: peers.segment.clone(),
        serial: peers.serial.get(),
        sets: sets.collect(),
        signed_by,
        version: 1,
    }
}

impl From<SignPeersError> for Failure {
    fn from(error: SignPeersError) -> Self {
        let failure = Self::failed(&error);
        match &error {
            SignPeersError::Peers(PeersError::Threshold(_)) => failure.exit(Exit::Untrusted).hint(
                "let as many holders of fleet keys sign as the trust root asks for: \
                 karat segment peers sign FILE.dsse.json --key KEY",
            ),
            SignPeersError::Stranger(_) => failure.exit(Exit::Untrusted).hint(
                "docs/guides/segmentation-hosts.md tells how the trust root gets a fleet key",
            ),
            SignPeersError::Peers(_) | SignPeersError::Input { .. } => {
                failure.hint("docs/formats/peers.md has the rules and an example")
            }
            SignPeersError::Io(_) | SignPeersError::Envelope { .. } | SignPeersError::Signer(_) => {
                failure
            }
        }
    }
}
