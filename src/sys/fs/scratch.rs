//! A directory for what is needed while something runs.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{IoError, remove_tree};
use crate::sys::env;

/// More names than these that are all taken are no accident.
const ATTEMPTS: u32 = 10_000;

/// An empty directory that only this user can enter; removed with all it holds when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one where temporary files go (`TMPDIR`), with `name` in its name.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str) -> Result<Self, IoError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let name = format!("karat-{name}-{}-{number}", std::process::id());
            let path = env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {}
                Err(error) => return Err(IoError::new("create", path, error)),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing can be done here about a failure; nobody else has a use for the name.
        drop(remove_tree(&self.0));
    }
}
