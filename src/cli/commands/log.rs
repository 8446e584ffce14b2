//! `karat log`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::Serialize;

use super::log_cosign::CosigningJson;
use super::log_key::KeyArgs;
use super::log_retire::{self, RetireArgs};
use super::{log_cosign, log_fork, log_monitor, log_witness};
use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, Count, DIM, GOOD, shown};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::key::KeyId;
use crate::log::Notice;
use crate::ops::log::{self, AddedFile, LogFailure, LogPlace, Row, Way, Which};
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::path::Escaped;
use crate::sys::{self, fs};
use crate::tlog::{NoteKey, NoteName, Policy};

/// Arguments of `karat log`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log show log                             what was signed, by whom
  karat log check log                            compute everything again
  karat log append log out/web_1.dsse.json       writes the receipt out/web_1.tlog-proof
  karat log monitor https://example.com/log --trust trust.json --since log.seen

Keeping one, and witnessing others: docs/guides/log.md. Judging one: `karat audit`.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a log without entries.
    Init(InitArgs),
    /// Add envelopes, trust roots and notices; write a receipt beside each envelope.
    Append(AppendArgs),
    /// Say in the log that releases should be used no more.
    Retire(RetireArgs),
    /// Show the entries.
    Show(ShowArgs),
    /// Write the receipt of one entry, by the present checkpoint.
    Proof(ProofArgs),
    /// Compute everything again: leaves, tiles, roots, every checkpoint that was published.
    Check(CheckArgs),
    /// Ask the log's witnesses for the cosignatures that its checkpoint lacks.
    Cosign(log_cosign::Args),
    /// Look at a log: whether it only grew, whether others see the same, and what is new.
    Monitor(log_monitor::Args),
    /// Cosign the checkpoints of other people's logs, over HTTP.
    Witness(log_witness::Args),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log init log                                       in a workspace: its origin, its log key
  karat log init /srv/log --origin example.com/log --key log.pem
  karat log init s3://images/log --origin example.com/log --key log.pem

KEY is a file, agent:..., command:... or pkcs11:... : docs/formats/keys.md. The log of a workspace
gets its trust root as the first entry. A bucket is reached as AWS_ENDPOINT_URL, AWS_REGION,
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say.")]
struct InitArgs {
    /// The log: a directory, or the address of a bucket (s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// A name that no other log has, such as example.com/images; else that of the trust root of the
    /// nearest workspace above the log.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log append log out/base_1.dsse.json      writes out/base_1.tlog-proof
  karat log append log keys/trust.json           what the keys were, for whoever reads the log
  karat log append s3://images/log out/base_1.dsse.json

What is in the log already keeps its place. All files are added, or none is. Where the trust root
of the nearest workspace above names this log, versions of it that are not logged yet go first,
and what a revoked key alone signed is refused. Then the witnesses of keys/witnesses.policy are
asked for their cosignatures; receipts have them.

Exit codes: 0 all is added · 13 all is added, and too few witnesses cosigned")]
struct AppendArgs {
    /// The log: a directory, or the address of a bucket (s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// Envelopes with statements (X.dsse.json), trust roots, or notices.
    #[arg(required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log show log
  karat log show log --from 1000 --json
  karat log show https://example.com/log

Key ids and names are what the entries say; whether the signatures are good, `karat audit` and
`karat verify` tell.")]
struct ShowArgs {
    /// The log: a directory, or an address (http, https, file, s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The first entry to show.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log proof log 7 -o base_1.tlog-proof
  karat log proof log out/base_1.dsse.json -o out/base_1.tlog-proof")]
struct ProofArgs {
    /// The log: a directory, or an address (http, https, file, s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The entry's index, or the file that was logged.
    entry: PathBuf,

    /// Where the receipt goes; else standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log check log
  karat log check log --trust keys/trust.json --policy policy.txt
  karat log check mirror --by-policy policy.txt
  karat log check 0123456789abcdef.fork --trust keys/trust.json
  karat log check https://example.com/log --trust keys/trust.json

A regular file is the evidence of a fork: two checkpoints that one log cannot have signed
honestly. It is checked with the log's keys alone.

Exit codes of a log: 0 all is as it must be · 11 something is not, or the trust root or policy
does not believe it
Exit codes of evidence: 0 both checkpoints agree · 11 the log was forked · 1 it proves nothing,
or other keys signed it")]
struct CheckArgs {
    /// The log: a directory, or an address (http, https, file, s3); or the evidence of a fork, a file.
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The trust root that must believe the checkpoint: log keys, witnesses, origin.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// A tlog-policy that must believe the checkpoint: log keys, quorum.
    #[arg(long, value_name = "FILE")]
    by_policy: Option<PathBuf>,

    /// A key of the log, NAME+ID+BASE64, to check the evidence of a fork with. May be repeated.
    #[arg(long, value_name = "VKEY")]
    key: Vec<NoteKey>,

    /// Write who must sign and cosign, as a tlog-policy for other programs.
    #[arg(long, value_name = "FILE", requires = "trust")]
    policy: Option<PathBuf>,
}

#[derive(Serialize)]
struct InitReport {
    log: String,
    origin: String,
    key: KeyId,
    vkey: String,
}

#[derive(Serialize)]
struct AppendReport {
    added: Vec<AddedJson>,
    cosigning: CosigningJson,
    tree_size: u64,
}

#[derive(Serialize)]
struct AddedJson {
    file: String,
    kind: &'static str,
    index: u64,
    was_there: bool,
    receipt: Option<String>,
}

#[derive(Serialize)]
struct ShowReport {
    origin: String,
    tree_size: u64,
    root_sha256: Digest,
    entries: Vec<EntryJson>,
}

#[derive(Serialize)]
pub(super) struct EntryJson {
    index: u64,
    kind: Option<String>,
    name: Option<String>,
    version: Option<String>,
    serial: Option<u64>,
    trust_root_version: Option<u64>,
    revoked: Option<RevokedJson>,
    retired: Option<RetiredJson>,
    key_ids: Vec<String>,
    sha256: Digest,
    bytes: usize,
}

#[derive(Serialize)]
struct RevokedJson {
    key: KeyId,
    from: u64,
    reason: String,
}

#[derive(Serialize)]
struct RetiredJson {
    image: String,
    from: u64,
    through: u64,
    reason: String,
}

#[derive(Serialize)]
struct ProofReport {
    index: u64,
    tree_size: u64,
    receipt: Option<String>,
}

#[derive(Serialize)]
struct CheckReport {
    origin: String,
    tree_size: u64,
    root_sha256: Digest,
    checkpoints: usize,
    faults: Vec<FaultJson>,
    unpublished: Vec<String>,
    leftovers: Vec<String>,
    untold: Vec<String>,
}

#[derive(Serialize)]
struct FaultJson {
    path: String,
    message: String,
}

/// Reads where a log is.
pub(super) fn place() -> impl TypedValueParser<Value = LogPlace> {
    OsStringValueParser::new().try_map(LogPlace::parse)
}

/// The way to logs that are elsewhere, as the environment says.
pub(super) fn way() -> Way {
    Way::of(&|name| sys::env::text(name), sys::env::cache_dir())
}

/// Where a workspace is looked for: above the log, or here where that is elsewhere.
pub(super) fn near(log: &LogPlace) -> &Path {
    log.directory().unwrap_or_else(|| Path::new("."))
}

/// Runs `karat log`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Init(args) => init(args, console),
        Action::Append(args) => append(args, console),
        Action::Retire(args) => log_retire::run(args, console),
        Action::Show(args) => show(args, console),
        Action::Proof(args) => proof(args, console),
        Action::Check(args) => check(args, console),
        Action::Cosign(args) => log_cosign::run(args, console),
        Action::Monitor(args) => log_monitor::run(args, console),
        Action::Witness(args) => log_witness::run(args, console),
    }
}

fn init(args: &InitArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = Workspace::find(near(&args.log))?;
    let origin = match (&args.origin, &workspace) {
        (Some(origin), _) => Some(origin.clone()),
        (None, Some(workspace)) => trust::read(&workspace.trust_root())?
            .log()
            .map(|log| log.origin.clone()),
        (None, None) => None,
    };
    let origin = origin.ok_or_else(|| {
        Failure::usage("the log needs a name").hint("give --origin example.com/images")
    })?;
    let signer = args.key.open(workspace.as_ref(), console)?;
    let checkpoint = log::init_at(&args.log, &way(), &origin, signer.as_ref())?;
    let name = NoteName::parse(&origin).map_err(LogFailure::from)?;
    let vkey = NoteKey::ed25519(name, signer.public_key()).to_string();
    console.line(format_args!("{GOOD}made{GOOD:#} {}", args.log));
    console.line(format_args!("origin  {}", checkpoint.origin));
    console.line(format_args!("key     {vkey}"));
    let mut exit = Exit::Ok;
    if let (Some(workspace), Some(directory)) = (&workspace, args.log.directory())
        && fs::same(workspace.log(), directory)?
        && trust::read(&workspace.trust_root())?
            .log()
            .is_some_and(|log| log.origin == origin)
    {
        let ledger = log::ledger(directory)?;
        let placed = log::append_roots(workspace, signer.as_ref(), &ledger)?;
        console.line(format_args!(
            "the trust root is logged as entry {}",
            placed.index
        ));
        exit = log_cosign::tell(&placed.cosigning, console);
    }
    console.json(&InitReport {
        log: shown(args.log.to_string()),
        origin,
        key: signer.public_key().id(),
        vkey,
    });
    Ok(exit)
}

fn append(args: &AppendArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = Workspace::find(near(&args.log))?;
    let signer = args.key.open(workspace.as_ref(), console)?;
    let (added, size, cosigning) = log::append(
        &args.log,
        &way(),
        workspace.as_ref(),
        signer.as_ref(),
        &args.files,
    )?;
    for added in &added {
        tell(console, added);
    }
    let exit = log_cosign::tell(&cosigning, console);
    console.json(&AppendReport {
        cosigning: CosigningJson::from(&cosigning),
        added: added
            .iter()
            .map(|it| AddedJson {
                file: shown(&it.file),
                kind: it.kind,
                index: it.index,
                was_there: it.was_there,
                receipt: it.receipt.as_ref().map(shown),
            })
            .collect(),
        tree_size: size,
    });
    Ok(exit)
}

/// Says where an entry stands.
fn tell(console: &Console, added: &AddedFile) {
    let how = if added.was_there { ", as before" } else { "" };
    let receipt = added
        .receipt
        .as_ref()
        .map_or_else(String::new, |path| format!("  {}", path.display()));
    console.line(format_args!(
        "logged as entry {}{how}{receipt}",
        added.index
    ));
}

fn show(args: &ShowArgs, console: &Console) -> Result<Exit, Failure> {
    let (log, rows) = log::rows(&args.log, &way(), args.from)?;
    let checkpoint = log.checkpoint();
    console.line(format_args!(
        "{BOLD}{}{BOLD:#}  {}",
        Escaped(checkpoint.origin.as_bytes()),
        Count(checkpoint.head.size, "entry", "entries")
    ));
    for row in &rows {
        console.line(line(row));
    }
    console.json(&ShowReport {
        origin: checkpoint.origin.clone(),
        tree_size: checkpoint.head.size,
        root_sha256: checkpoint.head.root,
        entries: rows.into_iter().map(EntryJson::from).collect(),
    });
    Ok(Exit::Ok)
}

impl From<Row> for EntryJson {
    fn from(row: Row) -> Self {
        let (name, version, serial) = match row.image {
            Some((name, version, serial)) => (Some(name), Some(version), Some(serial)),
            None => (None, None, None),
        };
        let (mut revoked, mut retired) = (None, None);
        match row.notice {
            Some(Notice::Revoke(revocation)) => {
                revoked = Some(RevokedJson {
                    key: revocation.key.id(),
                    from: revocation.counts_from(row.index),
                    reason: revocation.reason,
                });
            }
            Some(Notice::Retire(retirement)) => {
                retired = Some(RetiredJson {
                    image: retirement.image.to_string(),
                    from: retirement.from.get(),
                    through: retirement.through.get(),
                    reason: retirement.reason,
                });
            }
            None => {}
        }
        Self {
            index: row.index,
            kind: row.kind,
            name,
            version,
            serial,
            trust_root_version: row.trust_root,
            revoked,
            retired,
            key_ids: row.key_ids,
            sha256: row.digest,
            bytes: row.length,
        }
    }
}

pub(super) fn line(row: &Row) -> String {
    let kind = row.kind.as_deref().unwrap_or("foreign");
    let what = match (&row.image, row.trust_root, &row.notice) {
        (Some((name, version, serial)), ..) => format!("{name} {version} serial {serial}"),
        (None, Some(version), _) => format!("trust root, version {version}"),
        (None, None, Some(notice)) => words(notice, row.index),
        (None, None, None) => format!("{} bytes", row.length),
    };
    let keys: Vec<&str> = row
        .key_ids
        .iter()
        .map(|id| id.get(..12).unwrap_or(id))
        .collect();
    format!(
        "{:>6}  {kind:<8}{what}  {DIM}{}{DIM:#}",
        row.index,
        keys.join(" ")
    )
}

fn words(notice: &Notice, index: u64) -> String {
    let what = match notice {
        Notice::Revoke(revocation) => format!(
            "key {} from entry {} on",
            revocation.key.id().short(),
            revocation.counts_from(index)
        ),
        Notice::Retire(retirement) if retirement.from == retirement.through => {
            format!("{} serial {}", retirement.image, retirement.from)
        }
        Notice::Retire(retirement) => format!(
            "{} serials {} to {}",
            retirement.image, retirement.from, retirement.through
        ),
    };
    format!("{what} ({})", Escaped(notice.reason().as_bytes()))
}

fn proof(args: &ProofArgs, console: &Console) -> Result<Exit, Failure> {
    let which = match args.entry.to_str().and_then(|text| text.parse().ok()) {
        Some(index) => Which::Index(index),
        None => Which::File(args.entry.clone()),
    };
    let receipt = log::proof(&args.log, &way(), &which)?;
    let bytes = receipt.to_bytes();
    match &args.output {
        Some(output) => {
            fs::write_atomic(output, &bytes, 0o644)?;
            console.line(format_args!("wrote    {}", output.display()));
        }
        None if !console.is_json() => console.raw(&bytes),
        None => {}
    }
    let size = crate::tlog::Checkpoint::parse(receipt.checkpoint.text());
    console.json(&ProofReport {
        index: receipt.proof.index,
        tree_size: size.map_or(0, |checkpoint| checkpoint.head.size),
        receipt: args.output.as_ref().map(shown),
    });
    Ok(Exit::Ok)
}

fn check(args: &CheckArgs, console: &Console) -> Result<Exit, Failure> {
    let trust = args.trust.as_ref().map(|file| trust::read(file));
    let trust = trust.transpose()?;
    if let (Some(root), Some(file)) = (&trust, &args.policy) {
        let policy = Policy::of(root).map_err(|error| Failure::failed(&error))?;
        fs::write_atomic(file, &policy.to_bytes(), 0o644)?;
    }
    let by_policy = args.by_policy.as_ref().map(|file| log::read_policy(file));
    let by_policy = by_policy.transpose()?;
    if let Some(file) = args.log.directory()
        && fs::exists(file)?
        && !fs::is_dir(file)?
    {
        let (trust, policy) = (trust.as_ref(), by_policy.as_ref());
        return log_fork::check(file, trust, policy, &args.key, console);
    }
    if !args.key.is_empty() {
        return Err(
            Failure::usage("--key is for checking the evidence of a fork")
                .hint("name the log's keys with --trust FILE or --by-policy FILE"),
        );
    }
    let (log, checked) = log::check(&args.log, &way(), trust.as_ref(), by_policy.as_ref())?;
    for fault in &checked.faults {
        console.line(format_args!(
            "{BAD}{}{BAD:#}: {}",
            fault.path, fault.message
        ));
    }
    if checked.faults.is_empty() {
        console.line(format_args!(
            "{GOOD}whole{GOOD:#}: {}, {}",
            Count(checked.head.size, "entry", "entries"),
            Count(checked.checkpoints, "checkpoint", "checkpoints")
        ));
    }
    for directory in &checked.untold {
        console.warn(format_args!(
            "{directory}: this place cannot tell what else is in it; that was not looked at"
        ));
    }
    for path in &checked.unpublished {
        console.warn(format_args!(
            "{path} is not published: somebody is adding or copying, or was interrupted, or put an older \
             checkpoint back"
        ));
    }
    for path in &checked.leftovers {
        console.warn(format_args!("{path}: no checkpoint needs it"));
    }
    let exit = if checked.faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Untrusted
    };
    console.json(&CheckReport {
        origin: log.checkpoint().origin.clone(),
        tree_size: checked.head.size,
        root_sha256: checked.head.root,
        checkpoints: checked.checkpoints,
        faults: checked
            .faults
            .into_iter()
            .map(|fault| FaultJson {
                path: fault.path,
                message: fault.message,
            })
            .collect(),
        unpublished: checked.unpublished,
        leftovers: checked.leftovers,
        untold: checked.untold,
    });
    Ok(exit)
}
