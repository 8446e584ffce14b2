//! `karat lock`, without printing: a template becomes exact packages.

use std::path::{Path, PathBuf};

use crate::archive::mirror::{MirrorError, Mirrors, Named};
use crate::archive::{
    self, Cache, Conditions, Network, ObtainError, Obtained, Origins, Patience, Proxies,
    RepositoryError,
};
use crate::deb::resolve::{Pin, PinError, Provided, WantedError};
use crate::deb::{
    Architecture, NameError, PackageName, Request, ResolveError, Universe, Version, VersionError,
    resolve,
};
use crate::digest::Digest;
use crate::limits;
use crate::lock::{Basis, Diff, LockError, LockedPackage, LockedRelease, Lockfile, Stale};
use crate::progress::{Progress, Unit};
use crate::stage;
use crate::sys::clock::{self, Stopwatch};
use crate::sys::fs::{self, IoError};
use crate::template::{Agent, Choice as _, Initrd, PinTarget, Template};
use crate::tree::{Content, Epoch};

/// How locks and packages are come by.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Mirrors from the command line.
    pub flags: Named,
    /// Mirrors from the environment.
    pub environment: Named,
    /// Where apt's sources are: `/etc/apt`.
    pub apt: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// A vendored copy of packages, which is asked first.
    pub vendor: Option<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
    /// Timeouts and retries.
    pub patience: Patience,
    /// The architecture to lock for where the template does not say.
    pub architecture: String,
    /// `SOURCE_DATE_EPOCH`.
    pub epoch: Option<Epoch>,
}

/// What a lock is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The template.
    pub template: &'a Template,
    /// The agent that goes into the image.
    pub agent: Option<Digest>,
}

/// Which packages may get other versions than an existing lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Only those that must, because the template changed.
    AsNeeded,
    /// These, and those that must.
    Packages(Vec<PackageName>),
    /// All.
    All,
}

/// A new lock.
#[derive(Clone, Debug)]
pub struct Locked {
    /// The lock.
    pub lock: Lockfile,
    /// What it has otherwise than the one before.
    pub diff: Diff,
    /// Why versions of the lock before could not be kept, where they should have been.
    pub not_kept: Option<ResolveError>,
}

/// Why there is no lock, or not all of its packages.
#[derive(Debug, thiserror::Error)]
pub enum LockFailure {
    /// There is no lock file.
    #[error("there is no lock file {}", .0.display())]
    Missing(PathBuf),
    /// The lock file cannot be used.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// The lock file was made for another template.
    #[error("{}: {source}", path.display())]
    Stale {
        /// The lock file.
        path: PathBuf,
        /// What differs.
        source: Stale,
    },
    /// The lock file was made for another agent.
    #[error("{}: the lock file is stale: the agent that goes into the image changed", .0.display())]
    Agent(PathBuf),
    /// What was resolved cannot stand in a lock.
    #[error("the archive's index cannot be locked: {0}")]
    Unlockable(LockError),
    /// It is not known where packages come from.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// A suite cannot be used.
    #[error(transparent)]
    Repository(Box<RepositoryError>),
    /// The packages cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A package cannot be had.
    #[error(transparent)]
    Obtain(#[from] ObtainError),
    /// A package that the template asks for has an impossible name or version.
    #[error("{0}")]
    Wanted(#[from] WantedError),
    /// A pin of the template is malformed.
    #[error("a pin of the template: {0}")]
    Pin(#[from] PinError),
    /// A name is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A version is malformed.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A package to update is not in the lock.
    #[error("the lock has no package {0}")]
    NotLocked(PackageName),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// The lock file of `template`, if there is one.
///
/// # Errors
/// It is there and cannot be used.
pub fn read(template: &Path) -> Result<Option<Lockfile>, LockFailure> {
    let path = Lockfile::beside(template);
    let text = match fs::read_text(&path, limits::LOCKFILE_MAX) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let lock = Lockfile::parse(&text);
    lock.map(Some)
        .map_err(|source| LockFailure::Invalid { path, source })
}

/// Writes the lock file of `template`, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write(template: &Path, lock: &Lockfile) -> Result<PathBuf, LockFailure> {
    let path = Lockfile::beside(template);
    fs::write_atomic(&path, lock.encode().as_bytes(), 0o644)?;
    Ok(path)
}

/// Whether `lock`, read from beside `template`, is still what the template asks for.
///
/// # Errors
/// What changed.
pub fn check(template: &Path, lock: &Lockfile, wanted: &Wanted<'_>) -> Result<(), LockFailure> {
    let path = || Lockfile::beside(template);
    let source = &wanted.template.source;
    let digest = wanted.template.resolution_digest();
    lock.check_basis(source.suite.as_str(), &basis(wanted.template), digest)
        .map_err(|source| LockFailure::Stale {
            path: path(),
            source,
        })?;
    // Where no agent is at hand there is nothing to compare; a build would say so itself.
    let absent = wanted.agent.is_none() && wanted.template.verify.agent != Agent::None;
    if lock.agent.is_some() && lock.agent != wanted.agent && !absent {
        return Err(LockFailure::Agent(path()));
    }
    Ok(())
}

/// The lock to build from: the one beside the template; where it is missing or stale, a new one,
/// which is written, unless `locked` forbids that.
///
/// # Errors
/// There is none, or it is stale, and `locked` is set; or a new one cannot be made.
pub fn current(
    template: &Path,
    wanted: &Wanted<'_>,
    locked: bool,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Lockfile, LockFailure> {
    let existing = read(template)?;
    let problem = match &existing {
        None => LockFailure::Missing(Lockfile::beside(template)),
        Some(lock) => match check(template, lock, wanted) {
            Ok(()) => return Ok(lock.clone()),
            Err(problem) => problem,
        },
    };
    if locked {
        return Err(problem);
    }
    let update = Update::AsNeeded;
    let made = lock(wanted, existing.as_ref(), &update, sources, cache, progress)?;
    write(template, &made.lock)?;
    Ok(made.lock)
}

/// Resolves a template against its archives, and pins what came out.
///
/// # Errors
/// The archive is not trusted, or the packages cannot be resolved.
pub fn lock(
    wanted: &Wanted<'_>,
    existing: Option<&Lockfile>,
    update: &Update,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Locked, LockFailure> {
    let template = wanted.template;
    let architecture: Architecture = match &template.image.architecture {
        Some(named) => named.as_str().parse()?,
        None => sources.architecture.parse()?,
    };
    let existing = existing.filter(|lock| lock.architecture == architecture);
    let (universe, releases) = load(template, existing, &architecture, sources, cache, progress)?;

    let watch = Stopwatch::start();
    progress.started("resolve", None, Unit::Items);
    let mut request = request(template, &architecture)?;
    let kept = kept(existing, template, update)?;
    let template_pins = request.pins.clone();
    request.pins = kept.iter().chain(&template_pins).cloned().collect();
    let (resolution, not_kept) = match resolve(&universe, &request) {
        Err(problem) if !kept.is_empty() => {
            // Versions of the old lock may stand in the way of what is asked for now.
            request.pins = template_pins;
            (resolve(&universe, &request)?, Some(problem))
        }
        resolution => (resolution?, None),
    };
    let packages = resolution.packages.iter().filter_map(|chosen| {
        let record = universe.record(chosen.record)?;
        Some(locked_package(record))
    });
    let mut lock = Lockfile {
        epoch: epoch(template, sources, &releases),
        distribution: template.source.distribution.word().to_owned(),
        suite: template.source.suite.as_str().to_owned(),
        agent: wanted.agent,
        template: template.resolution_digest(),
        basis: basis(template),
        releases,
        packages: packages.collect::<Result<_, _>>()?,
        architecture,
    };
    lock.sort();
    // What is written must be readable: paths and sizes come from the archive's index.
    let lock = Lockfile::parse(&lock.encode()).map_err(LockFailure::Unlockable)?;
    let summary = format!("{} packages", lock.packages.len());
    progress.finished("resolve", summary, watch.seconds());
    let diff = Diff::between(existing, &lock);
    Ok(Locked {
        lock,
        diff,
        not_kept,
    })
}

/// Brings the packages of a lock here, each checked by size and SHA-256.
///
/// # Errors
/// One of them cannot be had.
pub fn obtain(
    lock: &Lockfile,
    template: &Template,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Vec<Obtained>, LockFailure> {
    let origins = Origins {
        archives: archives(template, sources),
        vendor: sources.vendor.clone(),
    };
    Ok(archive::obtain(
        lock,
        &origins,
        &network(sources),
        cache,
        progress,
    )?)
}

/// As [`obtain`], in the words of the stage that unpacks them.
///
/// # Errors
/// As [`obtain`].
pub fn packages(
    lock: &Lockfile,
    template: &Template,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Vec<stage::Package>, LockFailure> {
    let obtained = obtain(lock, template, sources, cache, progress)?;
    Ok(obtained
        .into_iter()
        .map(|Obtained { package, path }| stage::Package {
            path,
            name: package.name.to_string(),
            version: package.version.to_string(),
            architecture: package.architecture.to_string(),
            sha256: package.content.digest,
        })
        .collect())
}

/// The agent that a build of the template would install: the template's own, `instead`, or the one
/// beside this program. `None` where the template wants none, or where none is beside this program:
/// then the lock does not pin it.
///
/// # Errors
/// It cannot be read.
pub fn agent(template: &Template, instead: Option<&Path>) -> Result<Option<Digest>, LockFailure> {
    let path = match (&template.verify.agent, instead) {
        (Agent::None, _) => return Ok(None),
        (Agent::File(file), _) => return Ok(Some(file.body.content.digest)),
        (Agent::Beside, Some(path)) => path.to_owned(),
        (Agent::Beside, None) => fs::program_dir()?.join("karat-agent"),
    };
    match fs::read(&path, limits::TEMPLATE_FILE_MAX) {
        Ok(bytes) => Ok(Some(Digest::of(&bytes))),
        Err(error) if error.is_not_found() && instead.is_none() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a template asks for, in the words of a lock.
pub fn basis(template: &Template) -> Basis {
    let source = &template.source;
    let sorted = |mut words: Vec<String>| {
        words.sort();
        words
    };
    let packages = template.packages.iter().map(|spec| match &spec.version {
        Some(version) => format!("{}={}", spec.name.as_str(), version.as_str()),
        None => spec.name.as_str().to_owned(),
    });
    let components = source.components.iter().map(|one| one.as_str().to_owned());
    let pockets = source.pockets.iter().map(|one| one.word().to_owned());
    let extra = source.extra.iter().map(|one| one.name.as_str().to_owned());
    Basis {
        packages: sorted(packages.collect()),
        components: sorted(components.collect()),
        pockets: sorted(pockets.collect()),
        extra: sorted(extra.collect()),
        recommends: source.recommends,
        initrd: template.kernel.initrd.word().to_owned(),
        snapshot: source.snapshot.as_ref().map(|one| one.as_str().to_owned()),
    }
}

fn network(sources: &Sources) -> Network {
    let network = Network::new(sources.proxies.clone(), sources.patience);
    if sources.offline {
        network.offline()
    } else {
        network
    }
}

/// The bases of the archives, as far as they are known: what is in the cache needs none.
fn archives(
    template: &Template,
    sources: &Sources,
) -> std::collections::BTreeMap<String, archive::Location> {
    let source = &template.source;
    let mirrors = Mirrors::choose(source, &sources.flags, &sources.environment, &sources.apt);
    let repositories = mirrors.and_then(|mirrors| mirrors.repositories(source));
    let repositories = repositories.unwrap_or_default();
    repositories
        .into_iter()
        .map(|one| (one.name.archive().to_owned(), one.location))
        .collect()
}

fn load(
    template: &Template,
    existing: Option<&Lockfile>,
    architecture: &Architecture,
    sources: &Sources,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<(Universe, Vec<LockedRelease>), LockFailure> {
    let watch = Stopwatch::start();
    let source = &template.source;
    let mirrors = Mirrors::choose(source, &sources.flags, &sources.environment, &sources.apt)?;
    let repositories = mirrors.repositories(source)?;
    let network = network(sources);
    // A moment of the past is judged as of that moment; and going back to one is no attack.
    let snapshot = source
        .snapshot
        .as_ref()
        .and_then(|one| moment(one.as_str()));
    let now = snapshot.map_or_else(clock::now, |snapshot| snapshot.min(clock::now()));
    let before = |name| {
        let lock = existing.filter(|lock| lock.basis.snapshot == basis(template).snapshot);
        lock.and_then(|lock| lock.release(name))
            .map(|release| release.date)
    };
    let total = u64::try_from(repositories.len()).ok();
    progress.started("index", total, Unit::Items);
    let (mut universe, mut releases) = (Universe::new(), Vec::new());
    for repository in &repositories {
        let conditions = Conditions {
            architecture,
            now,
            not_before: before(&repository.name),
        };
        let name = repository.name.to_string();
        let loaded = repository.load(&conditions, &network, cache, &mut universe);
        releases.push(loaded.map_err(|error| LockFailure::Repository(Box::new(error)))?);
        progress.advanced(
            "index",
            u64::try_from(releases.len()).unwrap_or(0),
            Some(&name),
        );
    }
    let summary = format!(
        "{} suites, {} packages to choose from",
        releases.len(),
        universe.len()
    );
    progress.finished("index", summary, watch.seconds());
    Ok((universe, releases))
}

fn request(template: &Template, architecture: &Architecture) -> Result<Request, LockFailure> {
    let mut request = Request::new(architecture.clone());
    request.recommends = template.source.recommends;
    for wanted in basis(template).packages {
        request.roots.push(wanted.parse()?);
    }
    for pin in &template.source.pins {
        let rule = match &pin.target {
            PinTarget::Version(version) => format!("version {version}"),
            PinTarget::Suite(suite) => format!("release {}", suite.as_str()),
        };
        let priority = i16::try_from(pin.priority).or(Err(PinError::Priority))?;
        request.pins.push(Pin::new(&pin.package, &rule, priority)?);
    }
    if template.kernel.initrd == Initrd::Karat {
        request.provided.push(Provided {
            name: "karat-initramfs".parse()?,
            version: "1".parse::<Version>()?,
            provides: vec!["linux-initramfs-tool".parse()?],
        });
    }
    Ok(request)
}

/// Pins to the versions of the existing lock, as far as they shall be kept.
fn kept(
    existing: Option<&Lockfile>,
    template: &Template,
    update: &Update,
) -> Result<Vec<Pin>, LockFailure> {
    let (Some(lock), false) = (existing, *update == Update::All) else {
        return Ok(Vec::new());
    };
    if lock.suite != template.source.suite.as_str() {
        return Ok(Vec::new());
    }
    let free: &[PackageName] = match update {
        Update::Packages(names) => names,
        Update::AsNeeded | Update::All => &[],
    };
    if let Some(unknown) = free.iter().find(|name| lock.package(name).is_none()) {
        return Err(LockFailure::NotLocked(unknown.clone()));
    }
    let kept = lock.packages.iter().filter(|one| !free.contains(&one.name));
    kept.map(|one| {
        let rule = format!("version {}", one.version);
        Ok(Pin::new(one.name.as_str(), &rule, KEEP_PRIORITY)?)
    })
    .collect()
}

/// Above 1000: also where that is a downgrade (see `apt_preferences(5)`).
const KEEP_PRIORITY: i16 = 1001;

fn locked_package(record: crate::deb::Record<'_>) -> Result<LockedPackage, LockFailure> {
    let source = record.source().name.parse();
    Ok(LockedPackage {
        name: record.name().parse()?,
        version: record.version().parse()?,
        architecture: record.architecture().parse()?,
        content: Content {
            digest: record.sha256(),
            size: record.size(),
        },
        path: record.filename().to_owned(),
        source: source.map_err(|source| MirrorError::Name {
            name: record.source().name.clone(),
            source,
        })?,
    })
}

fn epoch(template: &Template, sources: &Sources, releases: &[LockedRelease]) -> Epoch {
    let newest = || releases.iter().map(|release| release.date).max();
    sources
        .epoch
        .or(template.image.epoch)
        .or_else(newest)
        .unwrap_or(Epoch::saturating(0))
}

/// The seconds since 1970 of `20260131T235959Z`.
fn moment(text: &str) -> Option<u64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?;
    u64::try_from(instant.as_second()).ok()
}
