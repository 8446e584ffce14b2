//! `karat lock`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::archive::mirror::Named;
use crate::archive::{self, Cache, Patience, Proxies};
use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, DIM, GOOD, WARN, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::deb::PackageName;
use crate::lock::{Change, Diff, Lockfile};
use crate::ops::lock::{self, Sources, Update, Wanted};
use crate::ops::template;
use crate::progress::Progress as _;
use crate::sys;

/// Arguments of `karat lock`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat lock templates/base.toml                 resolve what changed, keep all other versions
  karat lock templates/base.toml --update        newest versions of everything
  karat lock templates/base.toml --update curl   newest version of curl, others only if they must
  karat lock templates/base.toml --check         exit 1 if the lock is missing or stale
  karat lock templates/base.toml --vendor debs   keep a copy of all packages

The mirror is --mirror, else KARAT_MIRROR, else the template's, else that of this machine's apt.")]
pub struct Args {
    /// The template, as a TOML file
    template: PathBuf,

    /// Take the newest versions: of these packages, or of all
    #[arg(long, value_name = "PACKAGE", num_args = 0..)]
    update: Option<Vec<String>>,

    /// Change nothing; fail if the lock is missing or stale
    #[arg(long, conflicts_with_all = ["update", "vendor"])]
    check: bool,

    /// The agent that goes into the image, instead of the one beside karat
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,

    #[command(flatten)]
    sources: SourceArgs,

    #[command(flatten)]
    progress: ProgressArgs,
}

/// Where packages come from: for every command that needs some.
#[derive(Debug, Default, clap::Args)]
pub struct SourceArgs {
    #[arg(long, value_name = "URI")]
    #[arg(help = "Base of the Debian archive: http:, https: or file: [env: KARAT_MIRROR]")]
    mirror: Option<String>,

    #[arg(long, value_name = "URI")]
    #[arg(help = "Base of the Debian security archive [env: KARAT_SECURITY_MIRROR]")]
    security_mirror: Option<String>,

    /// Fetch nothing: use the cache and the vendored copy alone
    #[arg(long)]
    offline: bool,

    #[arg(
        long,
        value_name = "DIR",
        help = "\
        Directory with copies of packages: `lock` writes it, `build` asks it first \
        [env: KARAT_VENDOR]"
    )]
    vendor: Option<PathBuf>,
}

impl SourceArgs {
    /// The sources that the arguments and the environment name.
    ///
    /// # Errors
    /// `SOURCE_DATE_EPOCH` is no epoch.
    pub fn sources(&self) -> Result<Sources, Failure> {
        let epoch = sys::env::epoch().map_err(|error| {
            Failure::usage(format!("SOURCE_DATE_EPOCH: {error}"))
                .hint("unset SOURCE_DATE_EPOCH, or set it to seconds since 1970")
        })?;
        let vendor = || sys::env::os("KARAT_VENDOR").map(PathBuf::from);
        Ok(Sources {
            flags: Named {
                main: self.mirror.clone(),
                security: self.security_mirror.clone(),
            },
            environment: Named {
                main: sys::env::text("KARAT_MIRROR"),
                security: sys::env::text("KARAT_SECURITY_MIRROR"),
            },
            apt: PathBuf::from("/etc/apt"),
            offline: self.offline,
            vendor: self.vendor.clone().or_else(vendor),
            proxies: Proxies::from_environment(&|name| sys::env::text(name)),
            patience: Patience::default(),
            architecture: debian_architecture().to_owned(),
            epoch,
        })
    }
}

/// Debian's name of the architecture that this program was built for.
const fn debian_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else if cfg!(target_arch = "riscv64") {
        "riscv64"
    } else if cfg!(target_arch = "powerpc64") {
        "ppc64el"
    } else if cfg!(target_arch = "s390x") {
        "s390x"
    } else {
        "amd64"
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    lock: String,
    digest: String,
    epoch: u64,
    packages: usize,
    boot: usize,
    bytes: u64,
    written: bool,
    changes: Option<&'a Diff>,
    vendored: Option<u64>,
}

/// Runs `karat lock`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let template = template::load(&args.template)?;
    let wanted = Wanted {
        template: &template,
        agent: lock::agent(&template, args.agent.as_deref())?,
    };
    let existing = lock::read(&args.template);
    if args.check {
        let lock = existing?.ok_or_else(|| missing(&args.template))?;
        lock::check(&args.template, &lock, &wanted)?;
        report(console, &args.template, &lock, None, false, None);
        return Ok(Exit::Ok);
    }
    let update = update(args.update.as_deref())?;
    // A lock that cannot be read is replaced only by who asks for a new one.
    let existing = match (existing, &update) {
        (Err(_), Update::All) => None,
        (existing, _) => existing?,
    };
    let sources = args.sources.sources()?;
    let progress = args.progress.listener(console.is_quiet())?;
    let cache = Cache::open_or_temporary(
        sys::env::cache_dir().as_deref(),
        &sys::env::temp_dir(),
        &mut |message| progress.warning(message),
    )?;
    let fresh = existing.as_ref().filter(|lock| {
        update == Update::AsNeeded && lock::check(&args.template, lock, &wanted).is_ok()
    });
    let (locked, diff) = if let Some(lock) = fresh {
        (lock.clone(), None)
    } else {
        let made = lock::lock(
            &wanted,
            existing.as_ref(),
            &update,
            &sources,
            &cache,
            &progress,
        )?;
        if let Some(problem) = &made.not_kept {
            progress.warning(format!("not all versions could be kept: {problem}"));
        }
        lock::write(&args.template, &made.lock)?;
        (made.lock, Some(made.diff))
    };
    let vendored = match &args.sources.vendor {
        Some(directory) => {
            let obtained = lock::obtain(&locked, &template, &sources, &cache, &progress)?;
            let copied = archive::vendor(&obtained, directory);
            Some(copied.map_err(lock::LockFailure::from)?)
        }
        None => None,
    };
    drop(progress);
    report(
        console,
        &args.template,
        &locked,
        diff.as_ref(),
        diff.is_some(),
        vendored,
    );
    Ok(Exit::Ok)
}

fn update(packages: Option<&[String]>) -> Result<Update, Failure> {
    match packages {
        None => Ok(Update::AsNeeded),
        Some([]) => Ok(Update::All),
        Some(names) => {
            let names = names.iter().map(|name| name.parse::<PackageName>());
            let names: Result<Vec<_>, _> = names.collect();
            names.map(Update::Packages).map_err(|error| {
                Failure::usage(error.to_string()).hint("put the template before --update")
            })
        }
    }
}

fn missing(template: &Path) -> Failure {
    lock::LockFailure::Missing(Lockfile::beside(template)).into()
}

fn report(
    console: &Console,
    template: &Path,
    lock: &Lockfile,
    diff: Option<&Diff>,
    written: bool,
    vendored: Option<u64>,
) {
    let path = Lockfile::beside(template);
    let boot = lock.packages.iter().filter(|package| package.boot).count();
    console.json(&Report {
        lock: shown(&path),
        digest: lock.digest().to_string(),
        epoch: lock.epoch.seconds(),
        packages: lock.packages.len(),
        boot,
        bytes: lock.size(),
        written,
        changes: diff,
        vendored,
    });
    let changes = diff
        .map(|diff| diff.packages.as_slice())
        .unwrap_or_default();
    let added = changes
        .iter()
        .filter(|change| matches!(change, Change::Added { .. }))
        .count();
    // The first lock adds everything: the file itself is the better list.
    if added < lock.packages.len() {
        for change in changes {
            console.line(Line(change));
        }
    }
    if let Some((old, new)) = diff.and_then(|diff| diff.epoch) {
        console.line(format_args!(
            "epoch {} {DIM}was {}{DIM:#}",
            new.rfc3339(),
            old.rfc3339()
        ));
    }
    let word = if written { "written" } else { "up to date" };
    console.line(format_args!(
        "{BOLD}{}{BOLD:#} {word}: {} packages, {} MB, epoch {}",
        path.display(),
        lock.packages.len(),
        lock.size().div_ceil(1_000_000),
        lock.epoch.rfc3339(),
    ));
    if boot > 0 {
        console.line(format_args!(
            "{DIM}{boot} of them only where the image boots{DIM:#}"
        ));
    }
    if let Some(diff) = diff.filter(|diff| diff.size.0 > 0) {
        let (old, new) = (
            diff.size.0.div_ceil(1_000_000),
            diff.size.1.div_ceil(1_000_000),
        );
        console.line(format_args!(
            "{DIM}download size {old} MB, now {new} MB{DIM:#}"
        ));
    }
    if let Some(copied) = vendored {
        console.line(format_args!("{copied} packages copied"));
    }
}

/// One package of a diff, for people.
struct Line<'a>(&'a Change);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Change::Added {
                name,
                version,
                size,
            } => {
                write!(
                    f,
                    "{GOOD}+{GOOD:#} {name} {version} {DIM}{} kB{DIM:#}",
                    size.div_ceil(1000)
                )
            }
            Change::Removed { name, version, .. } => write!(f, "{BAD}-{BAD:#} {name} {version}"),
            Change::Upgraded { name, from, to } => write!(f, "  {name} {from} -> {to}"),
            Change::Downgraded { name, from, to } => {
                write!(f, "{WARN}!{WARN:#} {name} {from} -> {to} (older)")
            }
            Change::Rebuilt { name, version } => {
                write!(f, "{WARN}!{WARN:#} {name} {version} has other bytes now")
            }
        }
    }
}
