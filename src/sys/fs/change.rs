//! Names, modes and directories.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::{IoContext, IoError};

/// Gives a file another name on the same file system, in place of what had that name.
///
/// # Errors
/// The system refused.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), IoError> {
    std::fs::rename(from, &to).at("write", &to)
}

/// Sets the exact mode of a file or directory.
///
/// # Errors
/// The system says no.
pub fn set_mode(path: impl AsRef<Path>, mode: u32) -> Result<(), IoError> {
    let path = path.as_ref();
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(mode)).at("chmod", path)
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
