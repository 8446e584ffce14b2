//! How large the cache is, and how it is kept small.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::store::CacheError;
use crate::path::Escaped;
use crate::sys::fs::{self, Lock};
use crate::sys::usage::{self, Usage};

/// What the cache is pruned to where nobody says otherwise: some twenty images' packages and trees.
pub const DEFAULT_MAX_SIZE: u64 = 10 << 30;

/// What kind of thing an entry of the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Packages and indexes.
    Objects,
    /// Configured trees.
    Trees,
    /// Downloads in progress or broken off.
    Partial,
    /// Release files.
    Releases,
    /// Tiles of transparency logs, a directory for each log.
    Logs,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Objects,
        Self::Trees,
        Self::Partial,
        Self::Releases,
        Self::Logs,
    ];

    /// The kind's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Trees => "trees",
            Self::Partial => "partial",
            Self::Releases => "releases",
            Self::Logs => "logs",
        }
    }
}

/// How much of one kind there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Which kind.
    pub kind: Kind,
    /// How many of them.
    pub count: u64,
    /// How much room they take on the disk, in bytes.
    pub bytes: u64,
}

/// What the cache holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Where it is; as text where it is written out, what is not printable escaped.
    #[serde(serialize_with = "shown")]
    pub root: PathBuf,
    /// Each kind, also those of which there is nothing.
    pub totals: Vec<Total>,
    /// The sum over all kinds, in bytes.
    pub bytes: u64,
}

/// What shall stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The most recently used entries, up to so many bytes in all.
    AtMost(u64),
    /// Nothing.
    Nothing,
}

/// What was removed and what stayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// How many entries were removed.
    pub removed: u64,
    /// How many bytes they took.
    pub removed_bytes: u64,
    /// How many entries would have been removed but are in use.
    pub in_use: u64,
    /// How many bytes are left.
    pub left_bytes: u64,
}

fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Escaped(path.as_os_str().as_bytes()))
}

/// Counts what the cache at `root` holds; a missing cache holds nothing.
///
/// # Errors
/// It cannot be read.
pub fn inventory(root: &Path) -> Result<Inventory, CacheError> {
    let mut totals = Vec::new();
    for kind in Kind::ALL {
        let entries = entries(root, kind)?;
        totals.push(Total {
            kind,
            count: u64::try_from(entries.len()).unwrap_or(u64::MAX),
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
        });
    }
    Ok(Inventory {
        root: root.to_owned(),
        bytes: totals.iter().map(|total| total.bytes).sum(),
        totals,
    })
}

/// Removes what broken-off runs left behind, then the least recently used entries until the rest
/// fits `keep`. While another process uses the cache, trees that it does not use are all that is
/// removed.
///
/// # Errors
/// Something cannot be read or removed.
pub fn collect(root: &Path, keep: Keep) -> Result<Collected, CacheError> {
    let mut collected = Collected::default();
    if !fs::exists(root)? {
        return Ok(collected);
    }
    if !usage::is_private(root)? {
        return Err(CacheError::NotPrivate {
            root: root.to_owned(),
        });
    }
    let alone = Lock::try_exclusive(root.join("lock"))?;
    let mut left = Vec::new();
    for kind in Kind::ALL {
        left.extend(entries(root, kind)?);
    }
    left.sort_by_key(|entry| (!entry.leftover, entry.last_used));
    let room = match keep {
        Keep::AtMost(bytes) => bytes,
        Keep::Nothing => 0,
    };
    let mut bytes: u64 = left.iter().map(|entry| entry.bytes).sum();
    for entry in left {
        let wanted = entry.leftover || keep == Keep::Nothing || bytes > room;
        if !wanted {
            continue;
        }
        if entry.remove(alone.is_some())? {
            bytes = bytes.saturating_sub(entry.bytes);
            collected.removed += 1;
            collected.removed_bytes = collected.removed_bytes.saturating_add(entry.bytes);
        } else {
            collected.in_use += 1;
        }
    }
    collected.left_bytes = bytes;
    Ok(collected)
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    path: PathBuf,
    bytes: u64,
    last_used: (i64, i64),
    /// Something that a run left behind that did not end well.
    leftover: bool,
}

impl Entry {
    /// Removes it unless it is, or may be, in use.
    fn remove(&self, alone: bool) -> Result<bool, CacheError> {
        match self.kind {
            Kind::Trees => {
                let path = self.lock_path();
                let Some(lock) = Lock::try_exclusive(&path)? else {
                    return Ok(false);
                };
                fs::remove_tree(&self.path)?;
                if alone {
                    // Nobody can be waiting for it: everybody who could holds the cache's lock.
                    fs::remove_tree(&path)?;
                }
                drop(lock);
                Ok(true)
            }
            Kind::Objects | Kind::Partial | Kind::Releases | Kind::Logs if alone => {
                fs::remove_tree(&self.path)?;
                Ok(true)
            }
            Kind::Objects | Kind::Partial | Kind::Releases | Kind::Logs => Ok(false),
        }
    }

    /// The lock of a tree: `trees/<key>.lock`, also for `trees/.<key>.<anything>.tmp`.
    fn lock_path(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let key = name.trim_start_matches('.').split('.').next();
        let lock = format!("{}.lock", key.unwrap_or_default());
        self.path.with_file_name(lock)
    }
}

fn entries(root: &Path, kind: Kind) -> Result<Vec<Entry>, CacheError> {
    let mut shelves = Vec::new();
    match kind {
        Kind::Objects => {
            let all = root.join("objects/sha256");
            shelves.extend(names(&all)?.into_iter().map(|name| all.join(name)));
        }
        Kind::Trees | Kind::Partial | Kind::Releases | Kind::Logs => {
            shelves.push(root.join(kind.name()));
        }
    }
    let mut entries = Vec::new();
    for shelf in shelves {
        for name in names(&shelf)? {
            let path = shelf.join(&name);
            let name = name.to_string_lossy();
            if name.ends_with(".lock") {
                continue;
            }
            let Some(last_used) = usage::last_used(&path)? else {
                continue;
            };
            entries.push(Entry {
                kind,
                bytes: Usage::of(&path)?.bytes,
                last_used,
                leftover: kind == Kind::Partial || name.ends_with(".tmp"),
                path,
            });
        }
    }
    Ok(entries)
}

fn names(directory: &Path) -> Result<Vec<std::ffi::OsString>, CacheError> {
    match fs::list(directory) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        names => Ok(names?),
    }
}
