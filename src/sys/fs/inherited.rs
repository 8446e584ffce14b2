//! File descriptors that the process was started with.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

use super::{IoContext, IoError, read_all};

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
