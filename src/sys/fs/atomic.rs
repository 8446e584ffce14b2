//! Files and directories that appear whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::RenameFlags;

use super::{IoContext, IoError, exists, list, remove_tree};

/// Writes a whole file or nothing: beside its place, fsynced, then renamed over it.
///
/// `mode` is the file's exact mode, whatever the umask.
///
/// # Errors
/// Any step fails; the old file, if any, is then untouched.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> Result<(), IoError> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path, mode)?;
    file.write_all(bytes).at("write", path)?;
    file.commit()
}

/// As [`write_atomic`], for what `make` writes bit by bit, readable by all.
///
/// # Errors
/// As [`write_atomic`], or what `make` gives.
pub fn write_as_made(
    path: impl AsRef<Path>,
    make: impl FnOnce(&mut io::BufWriter<&File>) -> io::Result<()>,
) -> Result<(), IoError> {
    let path = path.as_ref();
    let file = AtomicFile::create(path, 0o644)?;
    let mut out = io::BufWriter::new(file.file());
    let made = make(&mut out).and_then(|()| out.flush());
    drop(out);
    made.map_err(|error| IoError::new("write", path, error))?;
    file.commit()
}

/// A file that appears whole at its place on [`AtomicFile::commit`], or not at all.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    temporary: Temporary,
    target: PathBuf,
}

impl AtomicFile {
    /// Starts a file beside `target`; `mode` is its exact mode, whatever the umask.
    ///
    /// # Errors
    /// It cannot be created there.
    pub fn create(target: impl AsRef<Path>, mode: u32) -> Result<Self, IoError> {
        let target = target.as_ref();
        let (temporary, file) = Temporary::beside(target, |path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
        })?;
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(mode))
            .at("chmod", &temporary.0)?;
        Ok(Self {
            file,
            temporary,
            target: target.to_owned(),
        })
    }

    /// The open file: for positioned reads and writes.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the bytes are until [`AtomicFile::commit`]: for files that are never given a name.
    #[cfg(feature = "build")]
    pub fn path(&self) -> &Path {
        &self.temporary.0
    }

    /// What is written so far, to be read at any offset.
    ///
    /// # Errors
    /// It cannot be opened again.
    #[cfg(feature = "build")]
    pub fn source(&self) -> Result<super::FileSource, IoError> {
        super::FileSource::open(&self.temporary.0)
    }

    /// Makes the bytes durable and gives them their name.
    ///
    /// # Errors
    /// Any step fails; then nothing appears.
    pub fn commit(self) -> Result<(), IoError> {
        self.file.sync_all().at("sync", &self.temporary.0)?;
        std::fs::rename(&self.temporary.0, &self.target).at("write", &self.target)?;
        sync_parent(&self.target)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// A directory that appears whole at its place on [`AtomicDir::commit`], or not at all.
#[derive(Debug)]
pub struct AtomicDir {
    temporary: Temporary,
    target: PathBuf,
}

impl AtomicDir {
    /// Starts an empty directory (0755) beside `target`.
    ///
    /// # Errors
    /// It cannot be created there.
    pub fn create(target: impl AsRef<Path>) -> Result<Self, IoError> {
        let target = target.as_ref();
        let (temporary, ()) = Temporary::beside(target, |path| {
            std::fs::DirBuilder::new().mode(0o700).create(path)
        })?;
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::chmod(&temporary.0, mode).at("chmod", &temporary.0)?;
        Ok(Self {
            temporary,
            target: target.to_owned(),
        })
    }

    /// Where to put what it shall hold, until [`AtomicDir::commit`].
    pub fn path(&self) -> &Path {
        &self.temporary.0
    }

    /// Gives the directory its name; one that has the name already is exchanged and removed.
    ///
    /// Files in it must have been synced by who wrote them.
    ///
    /// # Errors
    /// Any step fails; then the old directory, if any, still stands.
    pub fn commit(self) -> Result<(), IoError> {
        sync_dir(&self.temporary.0)?;
        if exists(&self.target)? {
            let (here, there) = (rustix::fs::CWD, &self.target);
            let exchange = RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(here, &self.temporary.0, here, there, exchange)
                .at("replace", there)?;
        } else {
            std::fs::rename(&self.temporary.0, &self.target).at("write", &self.target)?;
        }
        sync_parent(&self.target)
        // Dropping `temporary` removes the directory that was exchanged, if there was one.
    }
}

/// Removes the temporary files and directories that killed processes left in `directory` on their
/// way to names that start with `prefix`. Only for who alone writes such names.
///
/// # Errors
/// The directory cannot be read, or something in it cannot be removed.
pub fn remove_temporaries(directory: impl AsRef<Path>, prefix: &str) -> Result<(), IoError> {
    let directory = directory.as_ref();
    let start = format!(".{prefix}");
    for name in list(directory)? {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(start.as_bytes()) && bytes.ends_with(TEMPORARY.as_bytes()) {
            remove_tree(directory.join(&name))?;
        }
    }
    Ok(())
}

/// A name beside a target; whatever is there is removed when this is dropped.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    /// Has `create` make something under a name that nothing has yet. Process ids come again, in a
    /// container at once: names that a killed process left are passed over.
    fn beside<T>(
        target: &Path,
        create: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<(Self, T), IoError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().unwrap_or_else(|| OsStr::new("karat"));
        let name = name.as_bytes();
        let name = name.get(..180).unwrap_or(name);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let mut temporary = b".".to_vec();
            temporary.extend_from_slice(name);
            temporary.extend_from_slice(format!(".{}-{number}", std::process::id()).as_bytes());
            temporary.extend_from_slice(TEMPORARY.as_bytes());
            let path = target.with_file_name(OsString::from_vec(temporary));
            match create(&path) {
                Ok(made) => return Ok((Self(path), made)),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {}
                // Whoever reads it knows the name that was wanted, and not this one.
                Err(error) => return Err(IoError::new("create", target, error)),
            }
        }
    }
}

/// How every temporary name ends; none is ever taken for something whole.
const TEMPORARY: &str = ".tmp";

/// More names than these that are all taken are no accident.
const ATTEMPTS: u32 = 10_000;

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing can be done here about a failure; a name with `.tmp` is never taken for whole.
        drop(remove_tree(&self.0));
    }
}

/// Makes the names in the directory that holds `path` durable.
///
/// # Errors
/// It cannot be synced.
pub fn sync_parent(path: impl AsRef<Path>) -> Result<(), IoError> {
    match path.as_ref().parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir("."),
    }
}

fn sync_dir(path: impl AsRef<Path>) -> Result<(), IoError> {
    let path = path.as_ref();
    let directory = File::open(path).at("open", path)?;
    match rustix::fs::fsync(&directory) {
        // Some file systems have no way to sync a directory; then rename is all there is.
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(error) => Err(IoError::new("sync", path, error)),
    }
}
