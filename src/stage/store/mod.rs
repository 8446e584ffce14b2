//! Configured trees on disk: `trees/KEY/{tree,pack}`.
//!
//! `tree` is the tree as a value with an index, `pack` all distinct contents one after the other.
//! An entry appears whole or not at all. `trees/KEY.lock` is held shared by who reads an entry and
//! exclusively by who makes or removes it: the cache's own rule (`archive::cache`), so two builds
//! of one tree wait for each other and the second finds what the first made. Nothing is hashed at
//! load but the `tree` file, which carries its digest: whoever writes contents into an output
//! hashes them on the way. Files are not forced to the disk: after a crash of the machine a torn
//! entry fails one of these checks, and whoever meets that has it made again ([`forget`]).

mod codec;
mod pack;

use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::sys::fs::{self, AtomicDir, IoContext as _, IoError, Lock};
use crate::sys::usage;
use crate::tree::{Sealed, Tree};

use codec::decode;
pub(crate) use codec::encode;
pub use pack::PackBlobs;
pub(crate) use pack::PackWriter;

/// Largest `tree` file: far above what a desktop's 250,000 paths need.
const TREE_FILE_MAX: u64 = 4 << 30;

/// Where an entry's tree is.
pub(crate) fn tree_file(entry: &Path) -> PathBuf {
    entry.join("tree")
}

/// Where an entry's contents are.
pub(crate) fn pack_file(entry: &Path) -> PathBuf {
    entry.join("pack")
}

/// The stored tree `key`, or `None` where there is none that is whole.
///
/// # Errors
/// The store cannot be read. A damaged entry is no error: it is as good as none.
pub(crate) fn load(
    trees: &Path,
    key: Digest,
) -> Result<Option<(Tree<Sealed>, PackBlobs)>, IoError> {
    if !fs::exists(trees.join(key.to_string()))? {
        return Ok(None);
    }
    let lock = Lock::shared(lock_file(trees, key))?;
    let found = open_whole(trees, key)?;
    Ok(found.map(|(tree, blobs)| (tree, blobs.with_lock(lock))))
}

/// The entry `key`, for who holds its lock; `None` where it is absent or damaged.
///
/// # Errors
/// The store cannot be read.
fn open_whole(trees: &Path, key: Digest) -> Result<Option<(Tree<Sealed>, PackBlobs)>, IoError> {
    let entry = trees.join(key.to_string());
    match open(&entry) {
        Ok(found) => {
            usage::touch(&entry);
            Ok(found)
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the entry `key`, once nobody reads it.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn forget(trees: &Path, key: Digest) -> Result<(), IoError> {
    let _lock = Lock::exclusive(lock_file(trees, key))?;
    fs::remove_tree(trees.join(key.to_string()))
}

/// Reads an entry that may still have its temporary name.
///
/// # Errors
/// Its files cannot be read.
pub(crate) fn open(entry: &Path) -> Result<Option<(Tree<Sealed>, PackBlobs)>, IoError> {
    let pack = fs::open(pack_file(entry))?;
    let bytes = fs::read(tree_file(entry), TREE_FILE_MAX)?;
    let length = pack.metadata().at("stat", pack_file(entry))?.len();
    match decode(&bytes) {
        Ok((tree, index)) if index.end() <= length => Ok(Some((tree, PackBlobs::new(pack, index)))),
        _ => Ok(None),
    }
}

/// What [`claim`] gives.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Another build made the entry meanwhile.
    Found(Tree<Sealed>, PackBlobs),
    /// It is to be made.
    Draft(Draft),
}

/// Waits until nobody else makes the entry `key`, then starts it unless it is there by then.
pub(crate) fn claim(trees: &Path, key: Digest) -> Result<Claim, IoError> {
    fs::make_dirs(trees, 0o700)?;
    let lock = Lock::exclusive(lock_file(trees, key))?;
    if let Some((tree, blobs)) = open_whole(trees, key)? {
        return Ok(Claim::Found(tree, blobs));
    }
    // What a build that was killed left behind: with the lock held it is nobody's.
    let prefix = format!(".{key}.");
    for name in fs::list(trees)? {
        if name.as_encoded_bytes().starts_with(prefix.as_bytes()) {
            fs::remove_tree(trees.join(name))?;
        }
    }
    Draft::create(trees, key, lock).map(Claim::Draft)
}

/// An entry that is being made; dropped without [`Draft::commit`], it vanishes.
#[derive(Debug)]
pub(crate) struct Draft {
    directory: AtomicDir,
    _lock: Lock,
}

impl Draft {
    /// A draft that is never to be committed: beside readers and other such drafts.
    pub(crate) fn unnamed(trees: &Path, key: Digest) -> Result<Self, IoError> {
        fs::make_dirs(trees, 0o700)?;
        Self::create(trees, key, Lock::shared(lock_file(trees, key))?)
    }

    fn create(trees: &Path, key: Digest, lock: Lock) -> Result<Self, IoError> {
        Ok(Self {
            directory: AtomicDir::create(trees.join(key.to_string()))?,
            _lock: lock,
        })
    }

    /// Where the entry's files go.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Gives the entry its name.
    pub(crate) fn commit(self) -> Result<(), IoError> {
        self.directory.commit()
    }
}

fn lock_file(trees: &Path, key: Digest) -> PathBuf {
    trees.join(format!("{key}.lock"))
}
