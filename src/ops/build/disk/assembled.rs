//! A disk of which only the digests are missing.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::{Builder, ScopedJoinHandle};

use super::start::Started;
use super::sums::hash;
use crate::digest::Digest;
use crate::image::measure::Measurements;
use crate::layout::verity::Verity;
use crate::ops::build::BuildError;
use crate::sys::fs::IoContext as _;
use crate::tree::Content;

/// A disk whose bytes are all at their places.
pub struct Assembled {
    pub(super) size: u64,
    /// Where something else than zeros lies, in order.
    pub(super) used: Vec<Range<u64>>,
    pub(super) root: Range<u64>,
    pub(super) tree: Digest,
    pub(super) verity: Verity,
    pub(super) started: Started,
}

/// What is said about a disk, and takes a pass over it.
#[derive(Clone, Debug)]
pub struct Sums {
    /// The disk.
    pub raw: Content,
    /// SHA-256 of its root's file system.
    pub root: Digest,
    /// What a boot of it measures.
    pub measurements: Measurements,
}

impl Assembled {
    /// The unified kernel image on it.
    pub fn uki(&self) -> &[u8] {
        &self.started.uki
    }

    /// Bytes of its root's file system.
    pub fn root_size(&self) -> u64 {
        self.verity.data_size()
    }

    /// Its digests, and what a boot of it measures. Meanwhile what is in `file` goes to where it lasts.
    ///
    /// # Errors
    /// The file cannot be read again, or what it holds does not last; or its kernel image is none that can be
    /// measured.
    pub fn sums(&self, file: &File, path: &Path) -> Result<Sums, BuildError> {
        let spawned = std::thread::scope(|scope| {
            let thread = |name: &str| Builder::new().name(name.to_owned());
            let lasts = thread("sync").spawn_scoped(scope, || file.sync_data())?;
            let measured = thread("measure").spawn_scoped(scope, || self.started.measure())?;
            let read = |at: u64, bytes: &mut [u8]| file.read_exact_at(bytes, at);
            let hashed = hash(read, self.size, &self.used, &self.root);
            io::Result::Ok((hashed, joined(lasts), joined(measured)))
        });
        let (hashed, lasts, measured) = spawned.at("sync", path)?;
        lasts.and_then(|lasts| lasts).at("sync", path)?;
        let (raw, root) = hashed.at("read", path)?;
        let measurements = measured.at("measure", path)??;
        Ok(Sums {
            raw,
            root,
            measurements,
        })
    }
}

impl std::fmt::Debug for Assembled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assembled({} bytes, {:?})", self.size, self.verity)
    }
}

/// What a thread gives.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> io::Result<T> {
    let gone = |_panicked| io::Error::other("a thread that helps to make the disk is gone");
    thread.join().map_err(gone)
}
