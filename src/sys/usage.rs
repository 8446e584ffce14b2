//! How much room files take, when they were last used, and whose they are.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};

use super::fs::{IoContext as _, IoError, list, remove_tree};

/// What a file or a directory with all it holds takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on the disk, as the file system counts them.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
}

impl Usage {
    /// The usage of `path`; links are counted, never followed, and what vanishes meanwhile counts
    /// nothing.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let mut usage = Self::default();
        let mut open = vec![path.as_ref().to_owned()];
        while let Some(path) = open.pop() {
            let stat = match std::fs::symlink_metadata(&path).at("stat", &path) {
                Ok(stat) => stat,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            usage.bytes = usage
                .bytes
                .saturating_add(stat.blocks().saturating_mul(512));
            usage.entries += 1;
            if stat.is_dir() {
                open.extend(list(&path)?.into_iter().map(|name| path.join(name)));
            }
        }
        Ok(usage)
    }
}

/// When the contents of `path` were last written or [touched](touch): seconds and nanoseconds
/// since 1970; `None` where nothing is there. For putting files in an order, nothing else.
///
/// # Errors
/// The system would not say.
pub fn last_used(path: impl AsRef<Path>) -> Result<Option<(i64, i64)>, IoError> {
    let path = path.as_ref();
    match std::fs::symlink_metadata(path).at("stat", path) {
        Ok(stat) => Ok(Some((stat.mtime(), stat.mtime_nsec()))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes that `path` is being used. Failing to is no error: the file may be another user's.
pub fn touch(path: impl AsRef<Path>) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    if let Ok(file) = File::open(path) {
        _ = rustix::fs::futimens(&file, &times);
    }
}

/// Whether `path` is a directory that belongs to the user of this process and that nobody else may
/// write to.
///
/// # Errors
/// The system would not say.
pub fn is_private(path: impl AsRef<Path>) -> Result<bool, IoError> {
    let path = path.as_ref();
    let stat = std::fs::symlink_metadata(path).at("stat", path)?;
    let own = stat.uid() == rustix::process::geteuid().as_raw();
    Ok(stat.is_dir() && own && stat.mode() & 0o022 == 0)
}

/// A directory (0700) that is removed with all it holds when this is dropped. A process that is
/// killed leaves it behind.
#[derive(Debug)]
pub struct TemporaryDir(PathBuf);

impl TemporaryDir {
    /// Makes one in `parent`, its name beginning with `prefix`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(parent: &Path, prefix: &str) -> Result<Self, IoError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = OsString::from(format!("{prefix}-{}-{number}", std::process::id()));
        let path = parent.join(name);
        // Whoever waits there for us, be it a link or a directory, gets nothing from us.
        rustix::fs::mkdir(&path, rustix::fs::Mode::from_raw_mode(0o700)).at("create", &path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // A directory that stays behind in TMPDIR harms nobody.
        drop(remove_tree(&self.0));
    }
}
