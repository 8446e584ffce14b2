//! What starts a unit: links in the directories of others.

use std::collections::BTreeMap;

use super::UnitName;
use super::find::DIRECTORIES;
use crate::harden::root::fixed;
use crate::harden::{Root, ViewError};
use crate::path::ImagePath;

/// What may stand at the end of a directory whose links start units.
const STARTERS: [&[u8]; 3] = [b".wants", b".requires", b".upholds"];

/// The links that start a unit, in bytewise order.
///
/// # Errors
/// A directory cannot be read.
pub(in crate::harden) fn starters(
    root: &Root<'_>,
    name: &UnitName,
) -> Result<Vec<ImagePath>, ViewError> {
    let mut found = Vec::new();
    for directory in DIRECTORIES.map(fixed) {
        for entry in root.names(&directory)? {
            if !STARTERS.iter().any(|suffix| entry.ends_with(suffix)) {
                continue;
            }
            let path = directory.join(&entry).and_then(|it| it.join(name.as_str()));
            if let Ok(path) = path
                && root.look(&path)?.is_some()
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The services that something starts by a link, in bytewise order.
///
/// # Errors
/// A directory cannot be read.
pub(in crate::harden) fn started(root: &Root<'_>) -> Result<Vec<(UnitName, ImagePath)>, ViewError> {
    let mut found = BTreeMap::new();
    for directory in DIRECTORIES.map(fixed) {
        for entry in root.names(&directory)? {
            if !STARTERS.iter().any(|suffix| entry.ends_with(suffix)) {
                continue;
            }
            let Ok(starter) = directory.join(&entry) else {
                continue;
            };
            for unit in root.names(&starter)? {
                let name = UnitName::new(&String::from_utf8_lossy(&unit));
                if let (Some(name), Ok(path)) = (name, starter.join(&unit)) {
                    found.entry(name).or_insert(path);
                }
            }
        }
    }
    Ok(found.into_iter().collect())
}
