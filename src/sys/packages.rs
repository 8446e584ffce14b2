//! Which versions of packages a root should have, and which it says that it has.

use std::path::Path;

use super::fs;
use super::material::{LOCK_SUFFIX, with_suffix};
use crate::appraise::{Group, installed, locked};
use crate::digest::Digest;
use crate::limits;
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::tree::Kind;

/// dpkg's status file.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Adds to `groups` the versions as signed, and those by dpkg's database in `root`.
///
/// Signed is the lock `STEM.lock` beside the Envelope, if it is the one with the digest `lock` that
/// the statement names; otherwise dpkg's database, where that is as the manifest says. What is not
/// there, cannot be read or is larger than [`limits::STATUS_MAX`] says nothing: nothing depends on
/// it.
pub fn name_versions(
    groups: &mut [Group],
    root: &Path,
    stem: &Path,
    lock: Digest,
    manifest: &Manifest,
) {
    let status = fs::read_beneath(root, STATUS.trim_start_matches('/'), limits::STATUS_MAX);
    if let Ok(bytes) = status {
        let listed = ImagePath::parse(STATUS).ok();
        let listed = listed.and_then(|path| manifest.get(&path));
        let is_signed = matches!(
            listed.map(|entry| &entry.kind),
            Some(Kind::Regular(content)) if content.digest == Digest::of(&bytes)
        );
        installed(&bytes, &mut |name, version| {
            if let Some(group) = find(groups, name) {
                group.observed = Some(version.to_owned());
                group.signed = is_signed.then(|| version.to_owned());
            }
        });
    }
    if let Ok(bytes) = fs::read(with_suffix(stem, LOCK_SUFFIX), limits::LOCKFILE_MAX)
        && Digest::of(&bytes) == lock
    {
        locked(&bytes, &mut |name, version| {
            if let Some(group) = find(groups, name) {
                group.signed = Some(version.to_owned());
            }
        });
    }
}

/// The group of a package; they stand in order.
fn find<'g>(groups: &'g mut [Group], name: &str) -> Option<&'g mut Group> {
    let place = groups.binary_search_by(|group| group.package.as_str().cmp(name));
    place.ok().and_then(|place| groups.get_mut(place))
}
