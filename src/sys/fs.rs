//! Files on this machine: reads with a cap, writes that are whole or absent, errors with the path.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, OFlags, RenameFlags, ResolveFlags};

use crate::path::Escaped;

/// What was tried, on which path, and what the system answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {op} {}: {source}", Escaped(path.as_os_str().as_bytes()))]
pub struct IoError {
    /// What was tried, as a verb: `read`, `write`, `create` …
    pub op: &'static str,
    /// On which path.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

impl IoError {
    /// Ties an answer of the system to its place.
    pub fn new(op: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self {
            op,
            path: path.into(),
            source: source.into(),
        }
    }

    /// Whether the path does not exist.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Adds the operation and the path to an I/O result.
pub trait IoContext<T> {
    /// As the trait says.
    ///
    /// # Errors
    /// The error of `self`, with its place.
    fn at(self, op: &'static str, path: impl AsRef<Path>) -> Result<T, IoError>;
}

impl<T, E: Into<io::Error>> IoContext<T> for Result<T, E> {
    fn at(self, op: &'static str, path: impl AsRef<Path>) -> Result<T, IoError> {
        self.map_err(|source| IoError::new(op, path.as_ref(), source))
    }
}

/// Opens a regular file for reading; FIFOs and devices are refused without blocking on them.
///
/// # Errors
/// It cannot be opened or is no regular file.
pub fn open(path: impl AsRef<Path>) -> Result<File, IoError> {
    let path = path.as_ref();
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .at("open", path)?;
    if !file.metadata().at("stat", path)?.is_file() {
        return Err(IoError::new(
            "read",
            path,
            io::Error::other("it is not a regular file"),
        ));
    }
    Ok(file)
}

/// `path` made absolute by the working directory, without resolving links.
///
/// # Errors
/// There is no working directory, or the path is empty.
pub fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, IoError> {
    std::path::absolute(path.as_ref()).at("locate", path)
}

/// Opens a regular file for reading and writing, made (0600) if it is missing, and waits for the
/// exclusive lock on it. The lock ends with the file.
///
/// # Errors
/// It cannot be opened, made or locked.
pub fn open_locked(path: impl AsRef<Path>) -> Result<File, IoError> {
    let path = path.as_ref();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .at("open", path)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).at("lock", path)?;
    Ok(file)
}

/// Gives a file another name on the same file system, in place of what had that name.
///
/// # Errors
/// The system refused.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), IoError> {
    std::fs::rename(from, &to).at("write", &to)
}

/// Takes over a file descriptor that the process was started with.
///
/// # Errors
/// It is one of the three standard ones, or is not open.
pub fn inherited(fd: i32) -> Result<File, IoError> {
    let path = PathBuf::from(format!("/proc/self/fd/{fd}"));
    if fd <= 2 {
        let error = io::Error::other("0, 1 and 2 are the standard descriptors");
        return Err(IoError::new("use", path, error));
    }
    // Opening through /proc gives an own description where that is possible (files, FIFOs); for a
    // socket it is not, and the error says so.
    OpenOptions::new().append(true).open(&path).at("open", path)
}

/// All bytes, at most `cap`, that come out of a file descriptor that the process was started with:
/// 0 for standard input, or any other.
///
/// # Errors
/// It is not open for reading, or gives more.
pub fn read_inherited(fd: u32, cap: u64) -> Result<Vec<u8>, IoError> {
    let path = PathBuf::from(format!("/proc/self/fd/{fd}"));
    // Opening through /proc gives an own description; nothing is taken from anybody.
    let file = File::open(&path).at("open", &path)?;
    read_all(file, cap).at("read", &path)
}

/// Sets the exact mode of a file or directory.
///
/// # Errors
/// The system says no.
pub fn set_mode(path: impl AsRef<Path>, mode: u32) -> Result<(), IoError> {
    let path = path.as_ref();
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(mode)).at("chmod", path)
}

/// Opens a directory, a link at its end not followed.
///
/// # Errors
/// It cannot be opened, or is none.
pub fn open_directory(path: impl AsRef<Path>) -> Result<std::os::fd::OwnedFd, IoError> {
    let path = path.as_ref();
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    rustix::fs::open(path, flags, rustix::fs::Mode::empty()).at("open", path)
}

/// All bytes of a regular file of at most `cap` bytes.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger.
pub fn read(path: impl AsRef<Path>, cap: u64) -> Result<Vec<u8>, IoError> {
    let path = path.as_ref();
    read_all(open(path)?, cap).at("read", path)
}

/// As [`read`], for the file `relative` below `directory`; symbolic links may lead anywhere below
/// `directory` and nowhere else (`openat2(2)`, `RESOLVE_BENEATH`).
///
/// # Errors
/// As [`read`], and where the path leaves `directory`.
pub fn read_beneath(
    directory: impl AsRef<Path>,
    relative: impl AsRef<Path>,
    cap: u64,
) -> Result<Vec<u8>, IoError> {
    let (directory, relative) = (directory.as_ref(), relative.as_ref());
    let path = directory.join(relative);
    let above = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let above = File::open(above).at("open", directory)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mode = rustix::fs::Mode::empty();
    let file = loop {
        match rustix::fs::openat2(&above, relative, flags, mode, resolve) {
            // A rename elsewhere on the machine raced with the walk: the kernel says try again.
            Err(rustix::io::Errno::AGAIN) => {}
            Err(rustix::io::Errno::XDEV) => {
                let outside = io::Error::other("a symbolic link leads out of the directory");
                return Err(IoError::new("read", path, outside));
            }
            answer => break File::from(answer.at("open", &path)?),
        }
    };
    if !file.metadata().at("stat", &path)?.is_file() {
        let other = io::Error::other("it is not a regular file");
        return Err(IoError::new("read", path, other));
    }
    read_all(file, cap).at("read", path)
}

/// As [`read`], for UTF-8 text.
///
/// # Errors
/// As [`read`], and where the bytes are not UTF-8.
pub fn read_text(path: impl AsRef<Path>, cap: u64) -> Result<String, IoError> {
    let path = path.as_ref();
    String::from_utf8(read(path, cap)?).map_err(|error| {
        IoError::new(
            "read",
            path,
            io::Error::new(io::ErrorKind::InvalidData, error),
        )
    })
}

/// All bytes of a reader that gives at most `cap`.
///
/// # Errors
/// Reading fails, or there are more.
pub fn read_all(reader: impl Read, cap: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= cap) {
        Ok(bytes)
    } else {
        Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {cap} bytes"),
        ))
    }
}

/// The directory that holds the program that is running.
///
/// # Errors
/// The system does not say.
pub fn program_dir() -> Result<PathBuf, IoError> {
    let program = std::env::current_exe().at("locate", "/proc/self/exe")?;
    Ok(program
        .parent()
        .map_or_else(|| PathBuf::from("/"), Path::to_owned))
}

/// Whether anything is at `path` (a dangling symbolic link counts).
///
/// # Errors
/// The system would not say.
pub fn exists(path: impl AsRef<Path>) -> Result<bool, IoError> {
    let path = path.as_ref();
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(IoError::new("stat", path, error)),
    }
}

/// Whether `path` is a directory, or a symbolic link to one; nothing there is none.
///
/// # Errors
/// The system would not say.
pub fn is_dir(path: impl AsRef<Path>) -> Result<bool, IoError> {
    let path = path.as_ref();
    match std::fs::metadata(path) {
        Ok(stat) => Ok(stat.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(IoError::new("stat", path, error)),
    }
}

/// The names in a directory, in bytewise order.
///
/// # Errors
/// It cannot be read.
pub fn list(path: impl AsRef<Path>) -> Result<Vec<OsString>, IoError> {
    let path = path.as_ref();
    #[expect(clippy::disallowed_methods, reason = "sorted below")]
    let entries = std::fs::read_dir(path).at("list", path)?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.at("list", path)?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Bytes that the file system of `path` still has for ordinary users.
///
/// # Errors
/// The system would not say.
pub fn spare(path: impl AsRef<Path>) -> Result<u64, IoError> {
    let path = path.as_ref();
    let stat = rustix::fs::statvfs(path).at("examine", path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Makes a directory and its ancestors, each with `mode` less the umask.
///
/// # Errors
/// One of them cannot be made.
pub fn make_dirs(path: impl AsRef<Path>, mode: u32) -> Result<(), IoError> {
    let path = path.as_ref();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .at("create", path)
}

/// Removes a file, or a directory with all it holds; nothing to remove is no error. Symbolic links
/// are removed, never followed.
///
/// # Errors
/// Something cannot be removed.
pub fn remove_tree(path: impl AsRef<Path>) -> Result<(), IoError> {
    let path = path.as_ref();
    let removed = match std::fs::symlink_metadata(path) {
        #[expect(clippy::disallowed_methods, reason = "the one place that does")]
        Ok(stat) if stat.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(IoError::new("remove", path, error))
        }
        _ => Ok(()),
    }
}

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
                Err(error) => return Err(IoError::new("create", &path, error)),
            }
        }
    }
}

/// How every temporary name ends; none is ever taken for something whole.
const TEMPORARY: &str = ".tmp";

/// More names than these that are all taken are no accident.
const ATTEMPTS: u32 = 10_000;

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

/// An advisory lock on a file, released when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the exclusive lock on `path`, creating the file if need be.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn exclusive(path: impl AsRef<Path>) -> Result<Self, IoError> {
        Self::take(path.as_ref(), FlockOperation::LockExclusive)
    }

    /// Waits for a shared lock on `path`, creating the file if need be.
    ///
    /// # Errors
    /// The file cannot be created or locked.
    pub fn shared(path: impl AsRef<Path>) -> Result<Self, IoError> {
        Self::take(path.as_ref(), FlockOperation::LockShared)
    }

    /// The exclusive lock on `path` if nobody holds it; `None` otherwise.
    ///
    /// # Errors
    /// The file cannot be created or locked for another reason.
    pub fn try_exclusive(path: impl AsRef<Path>) -> Result<Option<Self>, IoError> {
        match Self::take(path.as_ref(), FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.source.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for the exclusive lock on a directory itself, which leaves no file in it; `None` where
    /// the file system (NFS) locks no directories.
    ///
    /// # Errors
    /// It cannot be opened, or not be locked for another reason.
    pub fn directory(path: impl AsRef<Path>) -> Result<Option<Self>, IoError> {
        use rustix::io::Errno;
        let path = path.as_ref();
        let file = File::open(path).at("open", path)?;
        match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::BADF | Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => Ok(None),
            Err(errno) => Err(errno).at("lock", path),
        }
    }

    fn take(path: &Path, operation: FlockOperation) -> Result<Self, IoError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .at("create", path)?;
        rustix::fs::flock(&file, operation).at("lock", path)?;
        Ok(Self { _file: file })
    }
}

/// The permission bits of `path`, its owner and group, without following a link.
///
/// # Errors
/// It cannot be examined.
pub fn mode_and_owner(path: impl AsRef<Path>) -> Result<(u32, u32, u32), IoError> {
    let path = path.as_ref();
    let stat = std::fs::symlink_metadata(path).at("stat", path)?;
    Ok((stat.mode() & 0o7777, stat.uid(), stat.gid()))
}
