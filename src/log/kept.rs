//! Full tiles and bundles of logs far away, kept on this machine.
//!
//! They never change, so that they need not be fetched twice. What is kept is not trusted: whoever
//! reads compares it with the tree, and what does not fit is forgotten ([`Source::doubt`]).

use std::sync::atomic::{AtomicU64, Ordering};

use super::{LogError, Names, Source, Store, Swap, Version};
use crate::archive::Cache;
use crate::sys::fs::{self, Beneath, IoError};
use crate::sys::usage;
use crate::tlog::Tile;

/// A source, and what was read from it before.
#[derive(Debug)]
pub struct Kept<S> {
    source: S,
    shelf: Beneath,
    /// As long as it is held, nobody clears the shelf.
    _cache: Cache,
    counter: AtomicU64,
}

impl<S> Kept<S> {
    /// Keeps what is read from `source`, which is called `place`, in `cache`.
    ///
    /// # Errors
    /// The cache cannot be used; the source is given back.
    pub fn new(source: S, cache: Cache, place: &str) -> Result<Self, (S, IoError)> {
        let shelf = cache.log(place);
        let opened = fs::make_dirs(&shelf, 0o700).and_then(|()| Beneath::open(&shelf));
        match opened {
            Ok(opened) => {
                usage::touch(&shelf);
                Ok(Self {
                    source,
                    shelf: opened,
                    _cache: cache,
                    counter: AtomicU64::new(0),
                })
            }
            Err(error) => Err((source, error)),
        }
    }

    /// Keeps a file, if that can be. It need not be durable: one that is torn is noticed.
    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), IoError> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let next = format!(".{name}.{}.{number}.tmp", std::process::id());
        let outcome = self.shelf.write(&next, bytes);
        match outcome.and_then(|()| self.shelf.rename(&next, name)) {
            Ok(()) => Ok(()),
            Err(error) => {
                drop(self.shelf.remove(&next));
                Err(error)
            }
        }
    }
}

/// The name of a file that never changes: `tile/0/x001/067` is `0-x001-067`.
fn name(path: &str) -> Option<String> {
    Tile::parse(path).filter(|tile| tile.is_full())?;
    Some(path.strip_prefix("tile/")?.replace('/', "-"))
}

impl<S: Source> Source for Kept<S> {
    fn read(&self, path: &str, cap: u64) -> Result<Option<Vec<u8>>, IoError> {
        let Some(name) = name(path) else {
            return self.source.read(path, cap);
        };
        if let Ok(Some(bytes)) = self.shelf.read(&name, cap) {
            return Ok(Some(bytes));
        }
        let bytes = self.source.read(path, cap)?;
        if let Some(bytes) = &bytes {
            // A full disk makes it slower the next time, no more.
            drop(self.keep(&name, bytes));
        }
        Ok(bytes)
    }

    fn list(&self, path: &str) -> Result<Names, IoError> {
        self.source.list(path)
    }

    fn ahead(&self, files: &[(String, u64)]) {
        self.source.ahead(files);
    }

    fn doubt(&self, path: &str) -> bool {
        let forgotten = name(path).is_some_and(|name| self.shelf.remove(&name).is_ok());
        self.source.doubt(path) || forgotten
    }
}

impl<S: Store> Store for Kept<S> {
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
