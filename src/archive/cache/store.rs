//! The cache while it is used.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::partial::{Claim, Partial};
use crate::digest::{Digest, Hasher, HashingReader};
use crate::sys::fs::{self, AtomicFile, IoContext as _, IoError, Lock};
use crate::sys::usage::{self, TemporaryDir};
use crate::tree::Content;

/// A cache that is in use by this process: gc keeps its hands off its objects until this is
/// dropped.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    /// A cache of somebody else, or one that cannot be written: its objects are looked at second.
    lower: Option<PathBuf>,
    _lease: Lock,
    /// Set where the cache lives for this run only.
    temporary: Option<TemporaryDir>,
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The directory belongs to another user, or others may write to it.
    #[error("the cache {} does not belong to this user alone", root.display())]
    NotPrivate {
        /// The cache.
        root: PathBuf,
    },
    /// Bytes that were to be stored are not those that were expected.
    #[error(
        "expected {expected_size} bytes with SHA-256 {expected}, got {size} bytes with {found}"
    )]
    Mismatch {
        /// The digest that was asked for.
        expected: Digest,
        /// The size that was asked for.
        expected_size: u64,
        /// The digest of what came; of its first `expected_size` + 1 bytes where more came.
        found: Digest,
        /// How much came, counted up to `expected_size` + 1.
        size: u64,
    },
    /// Where the bytes should come from, reading failed.
    #[error("cannot read what the cache should keep")]
    Source(#[source] io::Error),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Cache {
    /// The cache at `root`, made if it is missing.
    ///
    /// # Errors
    /// It cannot be made or written to, or it is not this user's alone.
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        fs::make_dirs(root, 0o700)?;
        if !usage::is_private(root)? {
            return Err(CacheError::NotPrivate {
                root: root.to_owned(),
            });
        }
        let lease = Lock::shared(root.join("lock"))?;
        for name in ["objects/sha256", "partial", "releases", "trees", "logs"] {
            fs::make_dirs(root.join(name), 0o700)?;
        }
        let tag = root.join("CACHEDIR.TAG");
        if !fs::exists(&tag)? {
            fs::write_atomic(&tag, CACHEDIR_TAG, 0o644)?;
        }
        Ok(Self {
            root: root.to_owned(),
            lower: None,
            _lease: lease,
            temporary: None,
        })
    }

    /// As [`Cache::open`]; where `root` is missing or cannot be used, a cache for this run only, made
    /// in `temp`, through which the objects of `root` can still be read. `warn` is told about it.
    ///
    /// # Errors
    /// Not even the temporary one can be made.
    pub fn open_or_temporary(
        root: Option<&Path>,
        temp: &Path,
        warn: &mut dyn FnMut(String),
    ) -> Result<Self, CacheError> {
        let problem = match root.map(Self::open) {
            Some(Ok(cache)) => return Ok(cache),
            Some(Err(error)) => error.to_string(),
            None => "there is no XDG_CACHE_HOME and no HOME".to_owned(),
        };
        warn(format!("{problem}; nothing will be kept for the next run"));
        let temporary = TemporaryDir::create(temp, "karat-cache")?;
        let mut cache = Self::open(temporary.path())?;
        cache.lower = root.map(Path::to_owned);
        cache.temporary = Some(temporary);
        Ok(cache)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it vanishes at the end of this run.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// The file with these bytes, if it is here; it was hashed just now. A file with other bytes
    /// under that name is not given; it stays until the right one is renamed over it, because
    /// removing it could hit the right one, put there by another process since.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn find(&self, content: &Content) -> Result<Option<PathBuf>, CacheError> {
        let own = self.object_path(content);
        if holds(&own, content)? {
            usage::touch(&own);
            return Ok(Some(own));
        }
        let lower = self.lower.as_ref().map(|root| object_path(root, content));
        match lower {
            // What cannot be read there is as good as absent.
            Some(path) if holds(&path, content).unwrap_or(false) => Ok(Some(path)),
            _ => Ok(None),
        }
    }

    /// Where the file with these bytes would be, if one of that size is here: nobody has looked at its
    /// bytes. For who compares their digest anyway before using them.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn find_unread(&self, content: &Content) -> Result<Option<PathBuf>, CacheError> {
        let path = self.object_path(content);
        match fs::open(&path) {
            Ok(file) if file.metadata().at("stat", &path)?.len() == content.size => {
                usage::touch(&path);
                Ok(Some(path))
            }
            Ok(_) => Ok(None),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores all bytes of `source`, which must be those of `content`.
    ///
    /// # Errors
    /// They are others (then nothing is stored), or they cannot be read or written.
    pub fn add(&self, content: &Content, source: impl Read) -> Result<PathBuf, CacheError> {
        let path = self.object_path(content);
        fs::make_dirs(path.parent().unwrap_or(&self.root), 0o700)?;
        let mut file = AtomicFile::create(&path, 0o644)?;
        let mut source = HashingReader::new(source.take(content.size.saturating_add(1)));
        copy(&mut source, &mut file, &path)?;
        let (found, size) = source.finish();
        check(content, found, size)?;
        file.commit()?;
        Ok(path)
    }

    /// Claims the download of `content` for this process, waiting for another one that is at it.
    ///
    /// # Errors
    /// The cache cannot be read or written.
    pub fn claim(&self, content: &Content) -> Result<Claim, CacheError> {
        Partial::claim(self, content)
    }

    /// The InRelease last accepted from `place`, if there was one. It is not verified.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn release(&self, place: &str, cap: u64) -> Result<Option<Vec<u8>>, CacheError> {
        for root in std::iter::once(&self.root).chain(&self.lower) {
            match fs::read(release_path(root, place), cap) {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Remembers the InRelease accepted from `place`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_release(&self, place: &str, bytes: &[u8]) -> Result<(), CacheError> {
        Ok(fs::write_atomic(
            release_path(&self.root, place),
            bytes,
            0o644,
        )?)
    }

    /// Where configured trees are. `KEY.lock` in it is held (flock) shared by who reads the
    /// directory `KEY`, exclusively by who makes or removes it.
    pub fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    /// Where tiles of the log at `place` are kept. Nothing in it is trusted.
    pub fn log(&self, place: &str) -> PathBuf {
        let name = Digest::of(place.as_bytes()).to_string();
        self.root.join("logs").join(name)
    }

    pub(super) fn object_path(&self, content: &Content) -> PathBuf {
        object_path(&self.root, content)
    }
}

/// <https://bford.info/cachedir/>: backup programs pass over directories with this file.
const CACHEDIR_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n\
    # Made by karat. All of it can be fetched or made again; see karat cache.\n";

pub(super) fn check(content: &Content, found: Digest, size: u64) -> Result<(), CacheError> {
    if found == content.digest && size == content.size {
        return Ok(());
    }
    Err(CacheError::Mismatch {
        expected: content.digest,
        expected_size: content.size,
        found,
        size,
    })
}

fn object_path(root: &Path, content: &Content) -> PathBuf {
    let hex = content.digest.to_string();
    let shelf = hex.get(..2).unwrap_or_default();
    root.join("objects/sha256").join(shelf).join(&hex)
}

fn release_path(root: &Path, place: &str) -> PathBuf {
    let name = Digest::of(place.as_bytes()).to_string();
    root.join("releases").join(name)
}

/// Whether `path` is a file with just these bytes.
fn holds(path: &Path, content: &Content) -> Result<bool, IoError> {
    let file = match fs::open(path) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.metadata().at("stat", path)?.len() != content.size {
        return Ok(false);
    }
    let mut hasher = Hasher::new();
    hash_into(&mut hasher, file).at("read", path)?;
    Ok(hasher.length() == content.size && hasher.finish() == content.digest)
}

/// Hashes the bytes left in `reader`.
pub(super) fn hash_into(hasher: &mut Hasher, mut reader: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// Large enough that system calls do not matter, small enough for the processor's cache.
const BUFFER: usize = 128 << 10;

fn copy(source: &mut impl Read, file: &mut AtomicFile, path: &Path) -> Result<(), CacheError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = source.read(&mut buffer).map_err(CacheError::Source)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(buffer.get(..count).unwrap_or_default())
            .at("write", path)?;
    }
}
