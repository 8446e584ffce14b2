//! Making and opening a log.

use std::path::Path;

use super::failure::{LogFailure, at};
use crate::key::Signer;
use crate::log::Log;
use crate::sys::fs::{self, Beneath, IoError, Lock};
use crate::tlog::NoteName;

/// Whether there is a log in `directory`.
///
/// # Errors
/// It cannot be examined.
pub fn exists(directory: &Path) -> Result<bool, IoError> {
    fs::exists(directory.join("checkpoint"))
}

/// Makes a log called `origin`, without entries, and gives it back.
///
/// # Errors
/// There is one already, or it cannot be made.
pub fn init(
    directory: &Path,
    origin: &str,
    signer: &dyn Signer,
) -> Result<Log<Beneath>, LogFailure> {
    let name = NoteName::parse(origin)?;
    fs::make_dirs(directory, 0o777)?;
    let disk = Beneath::open(directory)?;
    disk.make_directory(".state")?;
    let _alone = Lock::exclusive(directory.join(".state/lock"))?;
    Log::create(disk, &name, signer).map_err(at(directory))
}

/// Opens a log to read it.
///
/// # Errors
/// There is none.
pub fn open(directory: &Path) -> Result<Log<Beneath>, LogFailure> {
    Log::open(Beneath::open(directory)?).map_err(at(directory))
}

/// Tells `each` of the entries from `first` on, each as its leaf says.
pub(super) fn each_entry(
    directory: &Path,
    log: &Log<Beneath>,
    first: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), LogFailure>,
) -> Result<(), LogFailure> {
    let mut index = first;
    while index < log.size() {
        let skipped = usize::try_from(index % 256).unwrap_or(0);
        let bundle = log.bundle(index).map_err(at(directory))?;
        for entry in bundle.iter().skip(skipped) {
            each(index, entry)?;
            index = index.saturating_add(1);
        }
    }
    Ok(())
}
