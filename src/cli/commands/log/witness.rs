//! `karat log witness`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, GOOD};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::Role;
use crate::ops::log::{self, LogFailure, WitnessServer, WitnessSettings};
use crate::ops::signer::KeySpec;
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::path::Escaped;
use crate::sys::clock;
use crate::tlog::NoteName;

/// Arguments of `karat log witness`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log witness --state /var/lib/karat-witness --name example.org/w1 --key w1.pem \\
      --trust their-trust.json
  karat log witness --state state --name example.org/w1 --key agent: --policy logs.policy \\
      --listen 127.0.0.1:8090

Serves POST /add-checkpoint and GET /HEX/checkpoint (https://c2sp.org/tlog-witness) in plain HTTP:
put a web server with a certificate before it. Each log whose checkpoints it shall cosign is named
by a trust root or by a line of a tlog-policy. One line is told of every request. SIGTERM ends it.

The directory of --state must never be set back: it is what the witness is worth.")]
pub(super) struct Args {
    /// The directory of what it remembers; made if it is missing.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,

    /// Its name in cosignatures, such as example.org/w1: that of its key in trust roots.
    #[arg(long, value_name = "NAME", value_parser = NoteName::parse)]
    name: NoteName,

    /// Its private key, which signs nothing else; else the workspace's of the role witness.
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Option<KeySpec>,

    /// A trust root that names a log. May be repeated.
    #[arg(long, value_name = "FILE", required_unless_present = "policy")]
    trust: Vec<PathBuf>,

    /// A tlog-policy that names logs; its witnesses mean nothing here. May be repeated.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,

    /// Where to listen. Port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8090")]
    listen: String,

    #[command(flatten)]
    passphrase: Source,
}

#[derive(Serialize)]
struct Report {
    logs: Vec<LogJson>,
    name: String,
    url: String,
    vkey: String,
}

#[derive(Serialize)]
struct LogJson {
    origin: String,
    tree_size: u64,
}

/// Runs `karat log witness`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let roots: Result<Vec<_>, _> = args.trust.iter().map(|file| trust::read(file)).collect();
    let roots = roots?;
    let policies = args.policy.iter().map(|file| log::read_policy(file));
    let policies: Vec<_> = policies.collect::<Result<_, LogFailure>>()?;
    let workspace = Workspace::find(".")?;
    let named: Vec<KeySpec> = args.key.iter().cloned().collect();
    let specs = keys::named_or_own(&named, workspace.as_ref(), Role::Witness)?;
    let signers = keys::open(&specs, args.passphrase, console)?;
    let [signer] = signers.as_slice() else {
        return Err(Failure::usage("a witness has one key to cosign with").hint("give --key KEY"));
    };
    let server = WitnessServer::start(&WitnessSettings {
        state: &args.state,
        name: &args.name,
        signer: signer.as_ref(),
        roots: &roots,
        policies: &policies,
        listen: &args.listen,
    })?;
    let logs = server.witness.logs().map_err(|source| LogFailure::Log {
        directory: args.state.clone(),
        source,
    })?;
    let vkey = server.witness.key().to_string();
    console.line(format_args!("{BOLD}{}{BOLD:#}  {vkey}", args.name));
    for (origin, size) in &logs {
        let origin = Escaped(origin.as_bytes());
        console.line(format_args!("cosigns    {origin}, {size} entries so far"));
    }
    console.line(format_args!("{GOOD}listening{GOOD:#}  {}", server.url()));
    let logs = logs.into_iter().map(|(origin, tree_size)| LogJson {
        origin: Escaped(origin.as_bytes()).to_string(),
        tree_size,
    });
    console.json(&Report {
        logs: logs.collect(),
        name: args.name.to_string(),
        url: server.url(),
        vkey,
    });
    server.run(clock::now, |served| {
        if served.is_alarm {
            console.warn(format_args!("{BAD}{}{BAD:#}", served.line));
        } else {
            console.note(&served.line);
        }
    });
    Ok(Exit::Ok)
}
