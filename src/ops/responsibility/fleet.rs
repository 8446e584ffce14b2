//! What checks over templates say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::run::shown;
use crate::baseline::Placement;
use crate::digest::{Digest, Hasher};
use crate::limits;
use crate::ops::segment::{SegmentError, load};
use crate::responsibility::Fleet;
use crate::sys::fs;
use crate::tree::Epoch;

/// Checks the templates in a directory, or one template, as `karat segment check` does, on the day of
/// `at`.
///
/// # Errors
/// They cannot be read, or break rules of their own.
pub(super) fn check(path: &Path, at: Epoch) -> Result<Fleet, SegmentError> {
    let loaded = load(&[path.to_owned()], None)?;
    let day: String = at.rfc3339().chars().take(10).collect();
    let problems = loaded
        .check(&day)
        .into_iter()
        .map(|found| format!("{} {}", found.rule, found.message))
        .collect();
    let mut placements = BTreeMap::new();
    for member in &loaded.fleet.members {
        let segment = &member.segment;
        let placement = Placement {
            category: segment.category.map(|it| it.word().to_owned()),
            segment: segment.name.as_ref().map(|it| it.as_str().to_owned()),
            lifecycle: segment.lifecycle.map(|it| it.word().to_owned()),
        };
        placements.insert(member.image.clone(), placement);
    }
    Ok(Fleet {
        sha256: digest(path)?,
        templates: u64::try_from(loaded.fleet.members.len()).unwrap_or(u64::MAX),
        problems,
        placements,
    })
}

/// SHA-256 of a list of all files `*.toml` with the digest of each: `DIGEST`, two blanks, the name.
fn digest(path: &Path) -> Result<Digest, SegmentError> {
    let mut files: Vec<PathBuf> = vec![path.to_owned()];
    if fs::is_dir(path)? {
        let names = fs::list_up_to(path, limits::FLEET_MAX)?;
        files = names.iter().map(|name| path.join(name)).collect();
        files.retain(|file| file.extension().is_some_and(|it| it == "toml"));
    }
    let mut hasher = Hasher::new();
    for file in files {
        if fs::is_dir(&file)? {
            continue;
        }
        let digest = Digest::of(&fs::read(&file, limits::TEMPLATE_MAX)?);
        let name = file.file_name().map(Path::new).map(shown);
        let line = format!("{digest}  {}\n", name.unwrap_or_default());
        hasher.update(line.as_bytes());
    }
    Ok(hasher.finish())
}
