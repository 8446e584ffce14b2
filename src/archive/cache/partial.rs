//! Downloads: begun, broken off, taken up again, finished, by one process at a time.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::store::{Cache, CacheError, check, hash_into};
use crate::digest::Hasher;
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::tree::Content;

/// What claiming a download gave.
#[derive(Debug)]
pub enum Claim {
    /// It is there, hashed just now.
    Present(PathBuf),
    /// It is this process's to fetch.
    Mine(Partial),
}

/// A file being downloaded, locked against other processes. Dropping it keeps what came for the
/// next attempt.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    content: Content,
    hasher: Hasher,
}

impl Partial {
    pub(super) fn claim(cache: &Cache, content: &Content) -> Result<Claim, CacheError> {
        let path = cache
            .root()
            .join("partial")
            .join(content.digest.to_string());
        if let Some(path) = cache.find(content)? {
            return Ok(Claim::Present(path));
        }
        loop {
            let file = fs::open_locked(&path)?;
            // Who held the lock before may have finished and moved the file away.
            if !is_at(&file, &path)? {
                continue;
            }
            // Asked again under the lock: another process may have finished since the first time,
            // and then this is a new, empty file that nobody needs.
            if let Some(found) = cache.find(content)? {
                fs::remove_tree(&path)?;
                return Ok(Claim::Present(found));
            }
            let mut partial = Self {
                file,
                path,
                target: cache.object_path(content),
                content: *content,
                hasher: Hasher::new(),
            };
            partial.take_up()?;
            return Ok(Claim::Mine(partial));
        }
    }

    /// How many bytes are there already: where to go on.
    pub fn length(&self) -> u64 {
        self.hasher.length()
    }

    /// How many bytes it shall have.
    pub fn size(&self) -> u64 {
        self.content.size
    }

    /// Takes further bytes.
    ///
    /// # Errors
    /// They cannot be written, or they are more than the file may have.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.hasher.update(bytes);
        if self.length() > self.content.size {
            let size = self.length();
            let found = std::mem::take(&mut self.hasher).finish();
            self.restart()?;
            return check(&self.content, found, size);
        }
        self.file.write_all(bytes).at("write", &self.path)?;
        Ok(())
    }

    /// Forgets what came so far.
    ///
    /// # Errors
    /// The file cannot be cut.
    pub fn restart(&mut self) -> Result<(), IoError> {
        self.hasher = Hasher::new();
        self.file.set_len(0).at("write", &self.path)?;
        self.file.rewind().at("write", &self.path)
    }

    /// Puts the file among the objects.
    ///
    /// # Errors
    /// Its bytes are not the expected ones (then they are forgotten), or it cannot be stored.
    pub fn finish(mut self) -> Result<PathBuf, CacheError> {
        let size = self.length();
        let found = std::mem::take(&mut self.hasher).finish();
        if let Err(error) = check(&self.content, found, size) {
            self.restart()?;
            return Err(error);
        }
        self.file.sync_all().at("sync", &self.path)?;
        if let Some(parent) = self.target.parent() {
            fs::make_dirs(parent, 0o700)?;
        }
        fs::rename(&self.path, &self.target)?;
        fs::sync_parent(&self.target)?;
        Ok(self.target.clone())
    }

    /// Hashes what an earlier attempt left.
    fn take_up(&mut self) -> Result<(), CacheError> {
        let length = self.file.metadata().at("stat", &self.path)?.len();
        if length > self.content.size {
            return Ok(self.restart()?);
        }
        self.file.rewind().at("read", &self.path)?;
        hash_into(&mut self.hasher, &self.file).at("read", &self.path)?;
        Ok(())
    }
}

/// Whether `path` still names this very file.
fn is_at(file: &File, path: &Path) -> Result<bool, IoError> {
    let held = file.metadata().at("stat", path)?;
    match std::fs::symlink_metadata(path).at("stat", path) {
        Ok(named) => Ok((held.dev(), held.ino()) == (named.dev(), named.ino())),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
