//! Where a log is written.

use std::collections::BTreeSet;

use super::{Disk, LogError, Names, Source};
use crate::digest::Digest;
use crate::limits;
use crate::sys::fs::IoError;
use crate::tlog::Tile;

/// A place that a log can be written to, by several writers: each change is whole or not there, and
/// durable when the call returns.
///
/// Two kinds of files are enough for a log. Most never change once they are there, and whoever writes
/// one writes the same bytes: [`Store::settle`]. A few are registers, and each change names the
/// version that it replaces: [`Store::swap`]. `docs/design/log.md` says why no more is needed.
pub trait Store: Source {
    /// Makes sure that what this trait promises holds there, before anything is written.
    ///
    /// # Errors
    /// It does not, or nobody knows.
    fn prepare(&self) -> Result<(), LogError>;

    /// A register of at most `cap` bytes, with its version; `None` where nothing is there.
    ///
    /// # Errors
    /// It cannot be read.
    fn fetch(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, Version)>, LogError>;

    /// Changes a register that is at version `before`, or is not there yet.
    ///
    /// # Errors
    /// Nobody knows whether it was changed.
    fn swap(&self, path: &str, before: Option<&Version>, bytes: &[u8]) -> Result<Swap, LogError>;

    /// Puts files there that never change.
    ///
    /// # Errors
    /// Some are not there, or have other bytes.
    fn settle(&self, files: &[(String, Vec<u8>)]) -> Result<(), LogError>;

    /// Removes tiles that nobody needs, which a directory holds.
    ///
    /// # Errors
    /// Some are still there.
    fn clear(&self, directory: &str) -> Result<(), LogError>;
}

/// Which content a register has; two contents have two versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    /// It is there.
    Done,
    /// Somebody else changed it first.
    Lost,
}

/// A file on its way to its name.
const NEXT: &str = ".state/next";

/// Whoever calls this holds the directory's lock: so nobody comes between a look and a change.
impl<D: Disk> Store for D {
    fn prepare(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn fetch(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, Version)>, LogError> {
        let bytes = self.read(path, cap)?;
        Ok(bytes.map(|bytes| {
            let version = Version(Digest::of(&bytes).to_string());
            (bytes, version)
        }))
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: &[u8]) -> Result<Swap, LogError> {
        let cap = u64::try_from(limits::LOG_APPEND_MAX).unwrap_or(u64::MAX);
        // A lock that does not lock, on some network's file system, is noticed here.
        let there = self.fetch(path, cap)?.map(|(_, version)| version);
        if there.as_ref() != before {
            return Ok(Swap::Lost);
        }
        let mut directories = BTreeSet::new();
        if before.is_none() {
            make_parents(self, path, &mut directories)?;
            sync_all(self, &directories)?;
        }
        place(self, path, bytes)?;
        self.sync(parent(path))?;
        Ok(Swap::Done)
    }

    fn settle(&self, files: &[(String, Vec<u8>)]) -> Result<(), LogError> {
        let mut directories = BTreeSet::new();
        for (path, bytes) in files {
            make_parents(self, path, &mut directories)?;
            place(self, path, bytes)?;
        }
        sync_all(self, &directories)?;
        Ok(())
    }

    fn clear(&self, directory: &str) -> Result<(), LogError> {
        let Names::Listed(names) = self.list(directory)? else {
            return Ok(());
        };
        for listed in names {
            let name = String::from_utf8_lossy(&listed.name).into_owned();
            let path = format!("{directory}/{name}");
            if Tile::parse(&path).is_some() {
                self.remove(&path)?;
            }
        }
        self.remove(directory)?;
        Ok(())
    }
}

/// Gives `bytes` the name `path` at once; the name itself is durable when its directory is.
fn place<D: Disk + ?Sized>(disk: &D, path: &str, bytes: &[u8]) -> Result<(), IoError> {
    disk.write(NEXT, bytes)?;
    disk.sync(NEXT)?;
    disk.rename(NEXT, path)
}

/// Makes the directories above `path`, and notes whose names have to be made durable.
fn make_parents<D: Disk + ?Sized>(
    disk: &D,
    path: &str,
    directories: &mut BTreeSet<String>,
) -> Result<(), IoError> {
    let parent = parent(path);
    if !directories.insert(parent.to_owned()) {
        return Ok(());
    }
    for (end, _) in parent.match_indices('/').chain([(parent.len(), "")]) {
        let above = parent.get(..end).unwrap_or_default();
        if above.is_empty() {
            continue;
        }
        // Also where it was there: whoever made it may have crashed before it was durable.
        disk.make_directory(above)?;
        directories.insert(self::parent(above).to_owned());
    }
    Ok(())
}

fn sync_all<D: Disk + ?Sized>(disk: &D, directories: &BTreeSet<String>) -> Result<(), IoError> {
    directories
        .iter()
        .try_for_each(|directory| disk.sync(directory))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
