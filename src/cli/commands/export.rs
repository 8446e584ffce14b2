//! `karat export`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, shown};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::envelope::Envelope;
use crate::key::{KeyId, PublicKey, Role, Signer, TrustRoot};
use crate::ops::export::{self, NAMESPACE, Opened};
use crate::ops::log::{self, LogFailure, Notices};
use crate::ops::signer::KeySpec;
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// Arguments of `karat export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat export sigstore-bundle out/web_1.dsse.json
  karat export sshsig out/web_1.dsse.json --key agent:SHA256:...
  karat export provenance out/web_1.dsse.json

Only an envelope that opens under the trust root is exported. The formats, and how other tools
check them: docs/formats/export.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Sigstore bundles: `NAME_VERSION.ID.sigstore.json` for each key that counted; nothing is signed.
    #[command(after_help = "\
Examples:
  karat export sigstore-bundle out/web_1.dsse.json
  karat export sigstore-bundle out/web_1.dsse.json --trust trust.json -o bundles

The format, and how other tools check it: docs/formats/export.md.")]
    SigstoreBundle(Common),
    /// OpenSSH signatures of the statement, by the key anew: `NAME_VERSION.payload.json` and
    /// `NAME_VERSION.ID.sig`.
    #[command(after_help = "\
Examples:
  karat export sshsig out/web_1.dsse.json
  karat export sshsig out/web_1.dsse.json --key agent:SHA256:...

The format, and how other tools check it: docs/formats/export.md.")]
    Sshsig(Signing),
    /// The build as SLSA provenance, signed by the key: `NAME_VERSION.provenance.dsse.json`.
    #[command(after_help = "\
Examples:
  karat export provenance out/web_1.dsse.json
  karat export provenance out/web_1.dsse.json --key ci.pem -o provenance

The format, and how other tools check it: docs/formats/export.md.")]
    Provenance(Signing),
}

#[derive(Debug, clap::Args)]
struct Common {
    /// The envelope (.dsse.json).
    envelope: PathBuf,

    /// The trust root that it must open under; else that of the workspace.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// The workspace; else the nearest one above.
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Where the files go; else beside the envelope.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Signing {
    #[command(flatten)]
    common: Common,

    /// The private key; else keys/private/baseline.pem of the workspace. May be repeated.
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Vec<KeySpec>,

    #[command(flatten)]
    passphrase: Source,
}

/// What `--json` prints: `docs/schemas/export.schema.json`.
#[derive(Serialize)]
struct Document {
    format: &'static str,
    keys: Vec<KeyId>,
    namespace: Option<&'static str>,
    written: Vec<String>,
}

/// A statement that opened, and where things go.
struct Desk {
    workspace: Option<Workspace>,
    root: TrustRoot,
    opened: Opened,
    directory: PathBuf,
}

/// Runs `karat export`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::SigstoreBundle(common) => bundle(common, console),
        Action::Sshsig(signing) => sshsig(signing, console),
        Action::Provenance(signing) => provenance(signing, console),
    }
}

fn bundle(common: &Common, console: &Console) -> Result<Exit, Failure> {
    let desk = Desk::new(common)?;
    let (mut keys, mut written) = (Vec::new(), Vec::new());
    for (key, bytes) in export::bundles(&desk.opened) {
        let suffix = format!(".{}.sigstore.json", key.id().short());
        written.push(desk.write(&suffix, &bytes)?);
        keys.push(key);
    }
    finish(console, "sigstore-bundle", None, &keys, &written);
    Ok(Exit::Ok)
}

fn sshsig(signing: &Signing, console: &Console) -> Result<Exit, Failure> {
    let desk = Desk::new(&signing.common)?;
    let signers = desk.signers(signing, console)?;
    let payload = desk.opened.payload();
    let (mut keys, mut files) = (Vec::new(), Vec::new());
    for signer in &signers {
        let key = signer.public_key();
        let signature =
            export::sshsig(payload, signer.as_ref()).map_err(export::ExportError::from)?;
        files.push((format!(".{}.sig", key.id().short()), signature));
        keys.push(key);
    }
    let mut written = vec![desk.write(".payload.json", payload)?];
    for (suffix, signature) in &files {
        written.push(desk.write(suffix, signature.file.as_bytes())?);
        console.note(format_args!("allowed signer: NAME {}", signature.public));
    }
    finish(console, "sshsig", Some(NAMESPACE), &keys, &written);
    Ok(Exit::Ok)
}

fn provenance(signing: &Signing, console: &Console) -> Result<Exit, Failure> {
    let desk = Desk::new(&signing.common)?;
    let signers = desk.signers(signing, console)?;
    let mut envelope = Envelope::new(export::provenance(&desk.opened));
    let mut keys = Vec::new();
    for signer in &signers {
        envelope
            .sign(signer.as_ref())
            .map_err(export::ExportError::from)?;
        keys.push(signer.public_key());
    }
    let written = [desk.write(".provenance.dsse.json", &envelope.to_bytes())?];
    finish(console, "provenance", None, &keys, &written);
    Ok(Exit::Ok)
}

impl Desk {
    fn new(common: &Common) -> Result<Self, Failure> {
        let workspace = match &common.workspace {
            Some(directory) => Some(Workspace::at(directory)),
            None => Workspace::find(".")?,
        };
        let root = match (&common.trust, &workspace) {
            (Some(file), _) => trust::read(file)?,
            (None, Some(workspace)) => trust::read(&workspace.trust_root())?,
            (None, None) => {
                return Err(Failure::usage("there is no trust root to open it under")
                    .hint("give --trust FILE, or run where a workspace is"));
            }
        };
        let opened = Opened::read(&common.envelope, &root)?;
        let beside = common.envelope.parent().map(Path::to_owned);
        let directory = common.output.clone().or(beside).unwrap_or_default();
        Ok(Self {
            workspace,
            root,
            opened,
            directory,
        })
    }

    fn signers(
        &self,
        signing: &Signing,
        console: &Console,
    ) -> Result<Vec<Box<dyn Signer>>, Failure> {
        let specs = keys::named_or_own(&signing.key, self.workspace.as_ref(), Role::Baseline)?;
        if specs.is_empty() {
            return Err(Failure::usage("there is no key to sign with").hint("give --key KEY"));
        }
        let signers = keys::open(&specs, signing.passphrase, console)?;
        let notices = match &self.workspace {
            Some(workspace) => {
                let ledger = log::ledger(&workspace.log())?;
                Notices::of(&ledger, &self.root).map_err(LogFailure::from)?
            }
            None => Notices::default(),
        };
        for signer in &signers {
            self.opened.allows(&self.root, signer.as_ref())?;
            notices.check_key(&signer.public_key())?;
        }
        Ok(signers)
    }

    fn write(&self, suffix: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let stem = self.opened.statement().baseline().stem();
        let path = self.directory.join(format!("{stem}{suffix}"));
        fs::write_atomic(&path, bytes, 0o644)?;
        Ok(path)
    }
}

fn finish(
    console: &Console,
    format: &'static str,
    namespace: Option<&'static str>,
    keys: &[PublicKey],
    written: &[PathBuf],
) {
    for path in written {
        console.line(format_args!("written  {}", path.display()));
    }
    console.json(&Document {
        format,
        keys: keys.iter().map(PublicKey::id).collect(),
        namespace,
        written: written.iter().map(shown).collect(),
    });
}
