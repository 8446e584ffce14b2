//! Files outside of the log: a directory with all below it.

use std::path::{Path, PathBuf};

use crate::limits;
use crate::sys::fs::{self, IoError};

/// All files below `directory` whose names end in `suffix`, in order. Links are not followed.
///
/// # Errors
/// A directory cannot be listed, or there are more than [`limits::AUDIT_FILES_MAX`] names.
pub(super) fn below(directory: &Path, suffix: &str) -> Result<Vec<PathBuf>, IoError> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    let mut seen = 0_usize;
    while let Some(directory) = pending.pop() {
        for name in fs::list_up_to(&directory, limits::AUDIT_FILES_MAX)? {
            seen = seen.saturating_add(1);
            if seen > limits::AUDIT_FILES_MAX {
                let most = limits::AUDIT_FILES_MAX;
                let message = format!("there are more than {most} names below it");
                let error = std::io::Error::other(message);
                return Err(IoError::new("read", directory, error));
            }
            let path = directory.join(&name);
            if fs::is_real_dir(&path)? {
                pending.push(path);
            } else if name.as_encoded_bytes().ends_with(suffix.as_bytes()) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
