//! `karat cache`, without printing.

use std::path::Path;

use crate::archive::CacheError;
use crate::archive::cache::{self, Collected, Inventory, Keep};

/// What the cache at `root` holds.
///
/// # Errors
/// It cannot be read.
pub fn show(root: &Path) -> Result<Inventory, CacheError> {
    cache::inventory(root)
}

/// Removes what nobody used lately, down to what shall be kept.
///
/// # Errors
/// Something cannot be read or removed.
pub fn gc(root: &Path, keep: Keep) -> Result<Collected, CacheError> {
    cache::collect(root, keep)
}
