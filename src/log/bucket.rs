//! A log in a store of objects that changes them on condition: S3 and its like.
//!
//! No lock is needed, and no clock. `docs/design/log.md` says why.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{LogError, Names, Source, Store, Swap, Version};
use crate::sys::fs::{IoError, Listed, ListedKind};
use crate::tlog::Tile;

/// Objects below one prefix, named by paths. Reads see whatever was written before.
pub trait Objects {
    /// All bytes of an object of at most `cap` bytes, and its entity tag; `None` where none is there.
    ///
    /// # Errors
    /// It cannot be read, or is larger.
    fn get(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, String)>, IoError>;

    /// Writes an object at once, on a condition.
    ///
    /// # Errors
    /// Nobody knows whether it was written.
    fn put(&self, path: &str, bytes: &[u8], only: Only<'_>) -> Result<Put, IoError>;

    /// What stands directly below a path that ends nowhere or before a slash.
    ///
    /// # Errors
    /// It cannot be read.
    fn names(&self, path: &str) -> Result<Vec<Listed>, IoError>;

    /// Removes an object.
    ///
    /// # Errors
    /// It may still be there.
    fn delete(&self, path: &str) -> Result<(), IoError>;
}

/// When an object is written (RFC 9110, section 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only<'a> {
    /// Where none is there: `If-None-Match: *`.
    IfAbsent,
    /// Where one with this entity tag is there: `If-Match`.
    IfTagged(&'a str),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// It is there.
    Done,
    /// The condition does not hold.
    Refused,
}

/// A log's objects.
#[derive(Debug)]
pub struct Bucket<O> {
    objects: O,
    workers: usize,
    fit: OnceLock<()>,
}

/// What shows whether conditions are kept. It stays there.
const PROBE: &str = ".state/probe";
/// An entity tag that no object has.
const NO_TAG: &str = "\"karat-no-object-has-this-tag\"";
/// How often an object is written that others remove.
const TRIES: u32 = 3;

impl<O: Objects> Bucket<O> {
    /// A log in `objects`, written to by `workers` threads at a time.
    pub fn new(objects: O, workers: usize) -> Self {
        Self {
            objects,
            workers,
            fit: OnceLock::new(),
        }
    }

    /// Writes an object that never changes.
    fn settle_one(&self, path: &str, bytes: &[u8]) -> Result<(), LogError> {
        for _ in 0..TRIES {
            if self.objects.put(path, bytes, Only::IfAbsent)? == Put::Done {
                return Ok(());
            }
            let cap = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let overwrites = || LogError::Overwrites(path.to_owned());
            match self.objects.get(path, cap) {
                Ok(Some((there, _))) if there == bytes => return Ok(()),
                Ok(Some(_)) => return Err(overwrites()),
                Err(error) if error.source.kind() == std::io::ErrorKind::FileTooLarge => {
                    return Err(overwrites());
                }
                // It was removed since: a beginning of a tile that is full by now.
                Ok(None) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LogError::Busy)
    }
}

impl<O: Objects + Sync> Bucket<O> {
    /// Does the same with many objects, some at a time.
    fn each<T: Sync>(
        &self,
        items: &[T],
        act: impl Fn(&T) -> Result<(), LogError> + Sync,
    ) -> Result<(), LogError> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), LogError> {
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                act(item)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let helpers = self.workers.min(items.len()).saturating_sub(1);
            let helpers: Vec<_> = (0..helpers)
                .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let mut outcome = work();
            for helper in helpers {
                let other = helper.join().unwrap_or(Err(LogError::Busy));
                outcome = outcome.and(other);
            }
            outcome
        })
    }
}

impl<O: Objects> Source for Bucket<O> {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        Ok(self.objects.get(path, cap)?.map(|(bytes, _)| bytes))
    }

    fn list(&self, path: &str) -> Result<Names, IoError> {
        self.objects.names(path).map(Names::Listed)
    }
}

impl<O: Objects + Sync> Store for Bucket<O> {
    fn prepare(&self) -> Result<(), LogError> {
        if self.fit.get().is_some() {
            return Ok(());
        }
        let probe = |only| self.objects.put(PROBE, b"karat\n", only);
        let (Put::Done | Put::Refused) = probe(Only::IfAbsent)?;
        for (only, header) in [
            (Only::IfAbsent, "If-None-Match"),
            (Only::IfTagged(NO_TAG), "If-Match"),
        ] {
            if probe(only)? == Put::Done {
                let message = format!("it writes although {header} says not to");
                return Err(LogError::Unfit(message));
            }
        }
        self.fit.get_or_init(|| ());
        Ok(())
    }

    fn fetch(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, Version)>, LogError> {
        match self.objects.get(path, cap)? {
            Some((_, tag)) if tag.is_empty() => {
                Err(LogError::Unfit("it gives objects no ETag".to_owned()))
            }
            Some((bytes, tag)) => Ok(Some((bytes, Version(tag)))),
            None => Ok(None),
        }
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: &[u8]) -> Result<Swap, LogError> {
        let only = before.map_or(Only::IfAbsent, |version| Only::IfTagged(&version.0));
        match self.objects.put(path, bytes, only)? {
            Put::Done => Ok(Swap::Done),
            Put::Refused => Ok(Swap::Lost),
        }
    }

    fn settle(&self, files: &[(String, Vec<u8>)]) -> Result<(), LogError> {
        self.each(files, |(path, bytes)| self.settle_one(path, bytes))
    }

    fn clear(&self, directory: &str) -> Result<(), LogError> {
        let mut paths = Vec::new();
        for listed in self.objects.names(directory)? {
            let name = String::from_utf8_lossy(&listed.name).into_owned();
            let path = format!("{directory}/{name}");
            if listed.kind == ListedKind::File && Tile::parse(&path).is_some() {
                paths.push(path);
            }
        }
        self.each(&paths, |path| Ok(self.objects.delete(path)?))
    }
}
