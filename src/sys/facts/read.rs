//! Reading one place of the running system.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use crate::appraise::fact::Seen;
use crate::limits;
use crate::sys::fs::{self, IoContext as _, IoError};

/// A file system of the kernel, by the number that `statfs(2)` gives for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    Proc,
    Security,
    Sys,
}

/// All bytes of a file of the kernel.
///
/// A file of another file system in its place (a bind mount) is refused: what it says is not what
/// the kernel says.
pub(super) fn kernel(path: &str, of: FileSystem, cap: u64) -> Seen<Vec<u8>> {
    seen(kernel_bytes(path, of, cap))
}

fn kernel_bytes(path: &str, of: FileSystem, cap: u64) -> Result<Vec<u8>, IoError> {
    let file = fs::open(path)?;
    let found = rustix::fs::fstatfs(&file).at("examine", path)?.f_type;
    // linux/magic.h
    let (name, expected) = match of {
        FileSystem::Proc => ("procfs", 0x9fa0),
        FileSystem::Security => ("securityfs", 0x7363_6673),
        FileSystem::Sys => ("sysfs", 0x6265_6572),
    };
    if found != expected {
        let other = format!("it is not of {name}: something is mounted over it");
        return Err(IoError::new("read", path, std::io::Error::other(other)));
    }
    fs::read_all(file, cap).at("read", path)
}

/// The names in a directory, in order.
pub(super) fn names(path: &Path) -> Seen<Vec<Vec<u8>>> {
    seen(fs::list_up_to(path, limits::FACT_NAMES_MAX)).parse(|names| {
        Ok(names
            .into_iter()
            .map(std::ffi::OsString::into_vec)
            .collect())
    })
}

pub(super) fn seen<T>(answer: Result<T, IoError>) -> Seen<T> {
    match answer {
        Ok(value) => Seen::Value(value),
        Err(error) if error.is_not_found() => Seen::Absent,
        // Nothing can be below what is no directory.
        Err(error) if error.source.kind() == ErrorKind::NotADirectory => Seen::Absent,
        Err(error) => Seen::Unreadable(error.source.to_string()),
    }
}

/// Text that should be ASCII or at least UTF-8.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_error| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kernels_own_files_are_believed() {
        let ostype = kernel("/proc/sys/kernel/ostype", FileSystem::Proc, 64);
        assert_eq!(ostype, Seen::Value(b"Linux\n".to_vec()));
        assert!(matches!(
            kernel("/proc/sys/kernel/ostype", FileSystem::Proc, 2),
            Seen::Unreadable(_)
        ));
        assert!(matches!(
            kernel("/proc/sys/kernel/ostype", FileSystem::Sys, 64),
            Seen::Unreadable(why) if why.contains("mounted over")
        ));
        let absent = kernel("/proc/sys/kernel/karat_absent", FileSystem::Proc, 64);
        assert_eq!(absent, Seen::Absent);
        // A directory is no file.
        assert!(matches!(
            kernel("/proc/sys", FileSystem::Proc, 64),
            Seen::Unreadable(_)
        ));
    }
}
