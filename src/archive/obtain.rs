//! The locked packages as files: from the cache, a vendored copy, or the mirror.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cache::CacheError;
use super::{Cache, FetchError, Location, Network};
use crate::digest::HashingReader;
use crate::lock::{LockedPackage, Lockfile};
use crate::progress::{Progress, Unit};
use crate::sys::clock::Stopwatch;
use crate::sys::fs::{self, IoContext as _};

/// A locked package whose bytes are here, and are those that the lock names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obtained {
    /// What the lock says.
    pub package: LockedPackage,
    /// Where its bytes are. The file belongs to the cache, and stays while the [`Cache`] lives.
    pub path: PathBuf,
}

/// Where packages may come from.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The base of each archive, by its name in the lock.
    pub archives: BTreeMap<String, Location>,
    /// A vendored copy, which is asked first.
    pub vendor: Option<PathBuf>,
}

/// Why the packages are not all here.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// A package could not be had.
    #[error("cannot obtain {package}: {source}")]
    Package {
        /// Name and version.
        package: String,
        /// Why.
        source: FetchError,
    },
    /// No mirror is known for an archive, and the package is not in the cache.
    #[error("cannot obtain {package}: it is not in the cache, and no mirror of {archive} is known")]
    NoMirror {
        /// Name and version.
        package: String,
        /// The archive.
        archive: String,
    },
    /// A vendored file is not the locked one.
    #[error("cannot obtain {package}: {} has other bytes than the lock names", path.display())]
    Vendored {
        /// Name and version.
        package: String,
        /// The file.
        path: PathBuf,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] fs::IoError),
}

/// Transfers at a time: enough to hide latency, few enough to be a polite guest.
const TRANSFERS: usize = 6;

/// The step's name in progress events.
const STEP: &str = "fetch";

/// Brings every package of `lock` into `cache`, several at a time, each checked by size and
/// SHA-256. The order is that of the lock.
///
/// # Errors
/// The first failure in the order of the lock; other transfers in progress are finished.
pub fn obtain(
    lock: &Lockfile,
    origins: &Origins,
    network: &Network,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Vec<Obtained>, ObtainError> {
    let watch = Stopwatch::start();
    progress.started(STEP, Some(lock.size()), Unit::Bytes);
    let done = AtomicU64::new(0);
    let transferred = AtomicU64::new(0);
    // The largest first: the last transfers are then short, and end together.
    let mut order: Vec<usize> = (0..lock.packages.len()).collect();
    order.sort_by_key(|at| {
        lock.packages
            .get(*at)
            .map(|one| u64::MAX - one.content.size)
    });
    let queue = Mutex::new(Queue {
        order: order.into_iter(),
        results: BTreeMap::new(),
        failed: false,
    });
    std::thread::scope(|scope| {
        for _ in 0..TRANSFERS.min(lock.packages.len()) {
            scope.spawn(|| {
                while let Some((at, package)) = next(&queue, lock) {
                    let report = |bytes| {
                        let sum = done
                            .fetch_add(bytes, Ordering::Relaxed)
                            .saturating_add(bytes);
                        progress.advanced(STEP, sum, Some(package.name.as_str()));
                    };
                    let result = one(package, origins, network, cache, &report, &transferred);
                    finish(&queue, at, result);
                }
            });
        }
    });
    let results = match queue.into_inner() {
        Ok(queue) => queue.results,
        Err(poisoned) => poisoned.into_inner().results,
    };
    let paths: BTreeMap<usize, PathBuf> = results
        .into_iter()
        .map(|(at, result)| Ok((at, result?)))
        .collect::<Result<_, ObtainError>>()?;
    let obtained = lock
        .packages
        .iter()
        .enumerate()
        .filter_map(|(at, package)| {
            let path = paths.get(&at)?.clone();
            Some(Obtained {
                package: package.clone(),
                path,
            })
        });
    let obtained: Vec<_> = obtained.collect();
    let new = transferred.into_inner();
    let summary = format!(
        "{} packages, {new} of them not in the cache",
        obtained.len()
    );
    progress.finished(STEP, summary, watch.seconds());
    Ok(obtained)
}

/// Copies the packages to `directory`, as `ARCHIVE/PATH`: what [`Origins::vendor`] looks for.
/// Files that are there already and right stay untouched.
///
/// # Errors
/// Something cannot be read or written.
pub fn vendor(packages: &[Obtained], directory: &Path) -> Result<u64, ObtainError> {
    let mut copied = 0;
    for obtained in packages {
        let target = vendored(directory, &obtained.package);
        if right(&obtained.package, &target)? {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::make_dirs(parent, 0o755)?;
        }
        let mut file = fs::AtomicFile::create(&target, 0o644)?;
        let mut source = fs::open(&obtained.path)?;
        std::io::copy(&mut source, &mut file).at("write", &target)?;
        file.commit()?;
        copied += 1;
    }
    Ok(copied)
}

struct Queue {
    order: std::vec::IntoIter<usize>,
    results: BTreeMap<usize, Result<PathBuf, ObtainError>>,
    failed: bool,
}

fn one(
    package: &LockedPackage,
    origins: &Origins,
    network: &Network,
    cache: &Cache,
    report: &dyn Fn(u64),
    transferred: &AtomicU64,
) -> Result<PathBuf, ObtainError> {
    let label = || format!("{} {}", package.name, package.version);
    if let Some(path) = cache.find(&package.content)? {
        report(package.content.size);
        return Ok(path);
    }
    transferred.fetch_add(1, Ordering::Relaxed);
    if let Some(directory) = &origins.vendor {
        let path = vendored(directory, package);
        if fs::exists(&path)? {
            return match cache.add(&package.content, fs::open(&path)?) {
                Ok(stored) => {
                    report(package.content.size);
                    Ok(stored)
                }
                Err(CacheError::Mismatch { .. }) => Err(ObtainError::Vendored {
                    package: label(),
                    path,
                }),
                Err(error) => Err(error.into()),
            };
        }
    }
    let archive = package.source.archive();
    let Some(base) = origins.archives.get(archive) else {
        return Err(ObtainError::NoMirror {
            package: label(),
            archive: archive.to_owned(),
        });
    };
    let uri = base.join(&package.path);
    let fetched = network.fetch(&uri, &package.content, cache, report);
    fetched.map_err(|source| ObtainError::Package {
        package: label(),
        source,
    })
}

fn vendored(directory: &Path, package: &LockedPackage) -> PathBuf {
    directory.join(package.source.archive()).join(&package.path)
}

fn right(package: &LockedPackage, path: &Path) -> Result<bool, fs::IoError> {
    if !fs::exists(path)? {
        return Ok(false);
    }
    let mut reader = HashingReader::new(fs::open(path)?);
    std::io::copy(&mut reader, &mut std::io::sink()).at("read", path)?;
    let (digest, size) = reader.finish();
    Ok(digest == package.content.digest && size == package.content.size)
}

/// The next package; none after a failure.
fn next<'a>(queue: &Mutex<Queue>, lock: &'a Lockfile) -> Option<(usize, &'a LockedPackage)> {
    let mut queue = queue.lock().ok()?;
    if queue.failed {
        return None;
    }
    let at = queue.order.next()?;
    Some((at, lock.packages.get(at)?))
}

fn finish(queue: &Mutex<Queue>, at: usize, result: Result<PathBuf, ObtainError>) {
    if let Ok(mut queue) = queue.lock() {
        queue.failed |= result.is_err();
        queue.results.insert(at, result);
    }
}
