//! Reading ahead: many files at the same time, where each is a round trip.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{LogError, Names, Source, Store, Swap, Version};
use crate::sys::fs::IoError;

/// A source that is far away, and what was fetched from it before it was asked for.
#[derive(Debug)]
pub struct Ahead<S> {
    source: S,
    kept: Mutex<BTreeMap<String, Vec<u8>>>,
}

/// As many connections as browsers open to one server, and a few more.
const WORKERS: usize = 8;
/// Most bytes that wait to be asked for. Each worker may add one file more.
const KEPT_MAX: usize = 64 << 20;

impl<S> Ahead<S> {
    /// Reads `source` ahead.
    pub fn new(source: S) -> Self {
        Self {
            source,
            kept: Mutex::default(),
        }
    }

    /// A thread that panicked holds nothing half done: each file is put there whole.
    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Source + Sync> Source for Ahead<S> {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        let kept = self.kept().remove(path);
        match kept.filter(|bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= cap)) {
            Some(bytes) => Ok(Some(bytes)),
            None => self.source.read(path, cap),
        }
    }

    fn list(&self, path: &str) -> Result<Names, IoError> {
        self.source.list(path)
    }

    fn ahead(&self, files: &[(String, u64)]) {
        let missing: Vec<&(String, u64)> = {
            let mut kept = self.kept();
            // What nobody asked for in the meantime was not worth it, where there is little room.
            if kept.values().map(Vec::len).sum::<usize>() > KEPT_MAX / 2 {
                kept.retain(|path, _| files.iter().any(|(wanted, _)| wanted == path));
            }
            let missing = files.iter().filter(|(path, _)| !kept.contains_key(path));
            missing.collect()
        };
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some((path, cap)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.kept().values().map(Vec::len).sum::<usize>() > KEPT_MAX {
                    return;
                }
                if let Ok(Some(bytes)) = self.source.read(path, *cap) {
                    self.kept().insert(path.clone(), bytes);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..WORKERS.min(missing.len()) {
                // Without a thread more, the others do it, or it is read when it is asked for.
                drop(thread::Builder::new().spawn_scoped(scope, work));
            }
        });
    }

    fn doubt(&self, path: &str) -> bool {
        self.source.doubt(path)
    }
}

/// Writing passes through. What is read ahead never changes, so that it is not outdated by it.
impl<S: Store + Sync> Store for Ahead<S> {
    fn prepare(&self) -> Result<(), LogError> {
        self.source.prepare()
    }

    fn fetch(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, Version)>, LogError> {
        self.source.fetch(path, cap)
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: &[u8]) -> Result<Swap, LogError> {
        self.source.swap(path, before, bytes)
    }

    fn settle(&self, files: &[(String, Vec<u8>)]) -> Result<(), LogError> {
        self.source.settle(files)
    }

    fn clear(&self, directory: &str) -> Result<(), LogError> {
        self.source.clear(directory)
    }
}
