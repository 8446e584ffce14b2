//! Opening and reading, with a cap.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{OFlags, ResolveFlags};

use super::{IoContext, IoError};

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
