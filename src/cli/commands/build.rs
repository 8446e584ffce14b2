//! `karat build`.

use std::path::PathBuf;

use serde::Serialize;

use crate::archive::Cache;
use crate::baseline::{Serial, Subject};
use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, DIM, GOOD, shown};
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase;
use crate::cli::progress::ProgressArgs;
use crate::cli::units::size;
use crate::digest::Digest;
use crate::image::compress::Compression;
use crate::key::{Role, Signer};
use crate::ops::build::{self, Built, Request, Signing};
use crate::ops::signer::KeySpec;
use crate::ops::workspace::Workspace;
use crate::sys;
use crate::template::{Choice as _, Format};

use super::lock::SourceArgs;

/// Arguments of `karat build`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat build templates/base.toml                     into out/, signed if there is a workspace
  karat build templates/base.toml --locked --offline  from the lock and the cache alone
  karat build templates/base.toml --no-sign           build here, sign elsewhere
  karat build templates/base.toml --format disk,vmdk  a disk that boots, and what AWS imports

The lock file is x.lock beside x.toml. Without one, or with a stale one, it is made anew, unless
--locked is given or CI is set: then that is an error. SOURCE_DATE_EPOCH must agree with the lock.")]
pub struct Args {
    /// The template
    template: PathBuf,

    /// Where the outputs go
    #[arg(long, short, value_name = "DIR", default_value = "out")]
    out: PathBuf,

    /// Fail if the lock is missing or stale; the default where CI is set
    #[arg(long)]
    locked: bool,

    /// Make the lock anew if need be, also where CI is set
    #[arg(long, conflicts_with = "locked")]
    unlocked: bool,

    #[command(flatten)]
    sources: SourceArgs,

    /// Do not sign; `karat sign` and `karat attach` do it later, elsewhere
    #[arg(long)]
    no_sign: bool,

    /// The private key; else keys/private/baseline.pem of the workspace. May be repeated
    #[arg(long, value_name = "KEY", value_parser = keys::parser(), conflicts_with = "no_sign")]
    key: Vec<KeySpec>,

    /// The serial of this release, instead of the next one
    #[arg(long, value_name = "N", conflicts_with = "no_sign")]
    serial: Option<Serial>,

    /// The workspace; else the nearest one at or above the template
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Configure anew: neither take configured trees from the cache nor keep them there
    #[arg(long)]
    no_cache: bool,

    /// Let scripts run nothing but what packages brought: karat answers in place of
    /// deb-systemd-helper otherwise, with the same result, and faster
    #[arg(long)]
    no_stand_ins: bool,

    /// Formats to write, instead of the template's: tar, oci, erofs, disk, split,
    /// qcow2, vhd, vmdk, gcp
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = format)]
    format: Vec<Format>,

    /// Compression of the tar file, instead of the template's: zstd, gzip or none; EROFS images have
    /// LZ4 but with none
    #[arg(long, value_name = "HOW")]
    compression: Option<Compression>,

    /// The agent to install, instead of the karat-agent beside this program
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,

    #[command(flatten)]
    passphrase: passphrase::Source,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// Runs `karat build`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let progress = args.progress.listener(console.is_quiet())?;
    let workspace = match &args.workspace {
        Some(directory) => Some(Workspace::at(directory)),
        None => Workspace::find(args.template.parent().unwrap_or(&args.template))?,
    };
    // Keys first: nobody waits for a build to be asked for a passphrase.
    let signers = signers(args, workspace.as_ref(), console)?;
    let log_key = if signers.is_empty() {
        None
    } else {
        super::log::key::of_workspace(workspace.as_ref(), args.passphrase, console)?
    };
    let cache = Cache::open_or_temporary(
        sys::env::cache_dir().as_deref(),
        &sys::env::temp_dir(),
        &mut |message| console.warn(message),
    )?;
    let request = Request {
        template: args.template.clone(),
        out: args.out.clone(),
        sources: args.sources.sources()?,
        locked: args.locked || (sys::env::is_ci() && !args.unlocked),
        cache: &cache,
        reuse: !args.no_cache,
        stand_ins: !args.no_stand_ins,
        formats: (!args.format.is_empty()).then(|| args.format.clone()),
        compression: args.compression,
        agent: args.agent.clone(),
        workspace,
        signing: (!signers.is_empty()).then_some(Signing {
            signers: &signers,
            serial: args.serial,
            log_key: log_key.as_deref(),
        }),
    };
    let built = build::build(&request, &progress)?;
    render(&built, args, console);
    let exit = built.logged.as_ref().map_or(Exit::Ok, |logged| {
        super::log::cosign::tell(&logged.cosigning, console)
    });
    console.json(&Report::of(&built));
    Ok(exit)
}

fn format(word: &str) -> Result<Format, String> {
    let known = Format::WORDS.iter().find(|(name, _)| *name == word);
    let names: Vec<&str> = Format::WORDS.iter().map(|(name, _)| *name).collect();
    known
        .map(|(_, format)| *format)
        .ok_or_else(|| format!("this version writes {}", names.join(", ")))
}

fn signers(
    args: &Args,
    workspace: Option<&Workspace>,
    console: &Console,
) -> Result<Vec<Box<dyn Signer>>, Failure> {
    if args.no_sign {
        return Ok(Vec::new());
    }
    let specs = keys::named_or_own(&args.key, workspace, Role::Baseline)?;
    if workspace.is_none() && !specs.is_empty() {
        return Err(
            Failure::usage("signing needs a workspace, whose log gives out serials")
                .hint("make one with: karat init, or name it with --workspace"),
        );
    }
    keys::open(&specs, args.passphrase, console)
}

fn render(built: &Built, args: &Args, console: &Console) {
    let baseline = built.draft.baseline();
    if built.fresh {
        console.line(format_args!(
            "{GOOD}{}{GOOD:#} is up to date in {}",
            built.stem,
            built.out.display()
        ));
    } else {
        console.line(format_args!(
            "{GOOD}{}{GOOD:#}  {} packages, {} paths, {} of files",
            built.stem,
            built.lock.packages.len(),
            built.paths,
            size(built.bytes)
        ));
        for (name, bytes) in built.files.iter().filter(|(name, _)| !name.contains('/')) {
            console.line(format_args!(
                "  {:>10}  {}",
                size(*bytes),
                built.out.join(name).display()
            ));
        }
        let layout: u64 = built
            .files
            .iter()
            .filter(|(name, _)| name.contains('/'))
            .map(|(_, bytes)| bytes)
            .sum();
        if layout > 0 {
            let path = built.out.join(format!("{}.oci/", built.stem));
            console.line(format_args!("  {:>10}  {}", size(layout), path.display()));
        }
    }
    for (subject, digest) in &baseline.subjects {
        if matches!(
            subject,
            Subject::Manifest | Subject::Tar | Subject::Oci | Subject::Erofs
        ) {
            console.line(format_args!(
                "  {DIM}{:>10}  {digest}{DIM:#}",
                subject.suffix()
            ));
        }
    }
    match &built.signed {
        Some(signed) => {
            let how = if signed.reused { " as before" } else { "" };
            console.line(format_args!(
                "  signed{how} as serial {}  {}",
                signed.statement.serial(),
                built
                    .out
                    .join(format!("{}.dsse.json", built.stem))
                    .display()
            ));
            if let Some(newer) = signed.newer {
                console.warn(format_args!(
                    "serial {newer} of {} exists; to release this again, give --serial {}",
                    baseline.name,
                    newer.next().unwrap_or(newer)
                ));
            }
            if let Some(logged) = &built.logged {
                let how = if logged.was_there { " as before" } else { "" };
                let (index, receipt) = (logged.index, logged.receipt.display());
                console.line(format_args!("  logged{how} as entry {index}  {receipt}"));
            }
            if let Some(missing) = &signed.missing {
                console.warn(missing);
            }
        }
        None if args.no_sign => {}
        None => {
            console.note("  not signed: there is no workspace with a baseline key (karat init)");
        }
    }
    console.note(format_args!("{BOLD}next:{BOLD:#}  {}", next(built)));
    console.note(format_args!("{DIM}{:.1} s{DIM:#}", built.seconds));
}

fn next(built: &Built) -> String {
    let path = |suffix: &str| {
        built
            .out
            .join(format!("{}{suffix}", built.stem))
            .display()
            .to_string()
    };
    if built.signed.is_none() {
        return format!("karat sign {}", path(".statement.json"));
    }
    let subjects = &built.draft.baseline().subjects;
    let tar = built.files.iter().find(|(name, _)| name.contains(".tar"));
    match tar {
        Some((name, _)) => format!("karat verify --tar {}", built.out.join(name).display()),
        None if subjects.contains_key(&Subject::Oci) => {
            format!("karat verify --oci {}", path(".oci"))
        }
        None if built.disk => format!("karat boot {}", path(".raw")),
        None if subjects.contains_key(&Subject::Uki) => {
            "publish the pieces and their SHA256SUMS (docs/guides/disk.md)".to_owned()
        }
        None => format!("karat verify --erofs {}", path(".erofs")),
    }
}

/// What `--json` prints: `docs/schemas/build-report.schema.json`.
#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    version: &'a str,
    out: String,
    fresh: bool,
    configured_from_cache: bool,
    epoch: u64,
    packages: usize,
    paths: usize,
    bytes: u64,
    files: Vec<File<'a>>,
    subjects: Vec<Named<'a>>,
    serial: Option<u64>,
    log_index: Option<u64>,
    seconds: f64,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    bytes: u64,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    sha256: Digest,
}

impl<'a> Report<'a> {
    fn of(built: &'a Built) -> Self {
        let baseline = built.draft.baseline();
        Self {
            name: baseline.name.as_str(),
            version: baseline.version.as_str(),
            out: shown(&built.out),
            fresh: built.fresh,
            configured_from_cache: built.configured_before,
            epoch: baseline.epoch.seconds(),
            packages: built.lock.packages.len(),
            paths: built.paths,
            bytes: built.bytes,
            files: built
                .files
                .iter()
                .map(|(name, bytes)| File {
                    name,
                    bytes: *bytes,
                })
                .collect(),
            subjects: baseline
                .subjects
                .iter()
                .map(|(subject, digest)| Named {
                    name: subject.suffix(),
                    sha256: *digest,
                })
                .collect(),
            serial: built
                .signed
                .as_ref()
                .map(|signed| signed.statement.serial().get()),
            log_index: built.logged.as_ref().map(|logged| logged.index),
            seconds: built.seconds,
        }
    }
}
