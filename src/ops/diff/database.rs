//! What an image says about itself: its own manifest and expectations, and dpkg's database.
//!
//! Nobody vouches for any of it. It names owners and versions in a comparison of contents; it
//! decides nothing about them.

use std::collections::BTreeMap;

use super::image::Read;
use crate::appraise::{Versions, installed};
use crate::deb::{Architecture, PackageName};
use crate::expect::Expectations;
use crate::limits;
use crate::manifest::{Manifest, RESERVED, is_reserved};
use crate::path::ImagePath;
use crate::sys::packages::STATUS;
use crate::tree::{Blobs as _, Kind, Open, Tree};

const INFO: &str = "/var/lib/dpkg/info";
const LIST: &str = ".list";
/// The owner of a directory that many packages list, if it lists it too.
const BASE: &str = "base-files";

/// Chooses the files that this module reads, while they fit into
/// [`limits::DIFF_DATABASE_MAX`] together.
pub(super) fn keep() -> impl FnMut(&ImagePath, u64) -> bool {
    let mut left = limits::DIFF_DATABASE_MAX;
    move |path, size| {
        let is_wanted = is_reserved(path) || path.as_bytes() == STATUS.as_bytes() || is_list(path);
        match left.checked_sub(size) {
            Some(rest) if is_wanted => {
                left = rest;
                true
            }
            _ => false,
        }
    }
}

/// The image's own manifest; `None` where it has none.
pub(super) fn manifest(read: &Read) -> Option<Result<Manifest, String>> {
    let [path, _] = RESERVED;
    let bytes = file(read, path)?;
    Some(bytes.and_then(|bytes| Manifest::parse(&bytes).map_err(|error| error.to_string())))
}

/// The image's own expectations; `None` where it has none.
pub(super) fn expectations(read: &Read) -> Option<Result<Expectations, String>> {
    let [_, path] = RESERVED;
    let bytes = file(read, path)?;
    Some(bytes.and_then(|bytes| Expectations::parse(&bytes).map_err(|error| error.to_string())))
}

/// Versions of the packages that dpkg's status file has as installed; `None` where there is no such
/// file. Stanzas that dpkg would not write are passed over.
pub(super) fn versions(read: &Read) -> Option<Result<BTreeMap<String, String>, String>> {
    Some(file(read, STATUS)?.map(|bytes| installed_versions(&bytes)))
}

/// The same, of the bytes of a status file.
pub(in crate::ops) fn installed_versions(bytes: &[u8]) -> Versions {
    let mut versions = Versions::new();
    installed(bytes, &mut |name, version| {
        versions.insert(name.to_owned(), version.to_owned());
    });
    versions
}

/// The package that dpkg's lists give for each path of the tree; `None` where there are no lists.
pub(super) fn owners(read: &Read) -> Option<Result<BTreeMap<ImagePath, String>, String>> {
    let directory = ImagePath::parse(INFO).ok()?;
    let lists: Vec<(&str, &ImagePath)> = read
        .tree
        .subtree(&directory)
        .filter_map(|entry| Some((package_of(entry.path)?, entry.path)))
        .collect();
    if lists.is_empty() {
        return None;
    }
    Some(owners_by(&lists, read))
}

fn owners_by(
    lists: &[(&str, &ImagePath)],
    read: &Read,
) -> Result<BTreeMap<ImagePath, String>, String> {
    let moved = moved(&read.tree);
    let mut owners: BTreeMap<ImagePath, String> = BTreeMap::new();
    for (package, list) in lists {
        let Some(bytes) = content(read, list) else {
            continue;
        };
        for line in bytes?.split(|byte| *byte == b'\n') {
            let Some(path) = absolute(line) else {
                continue;
            };
            let path = match read.tree.get(&path) {
                Some(_) => path,
                None => match elsewhere(&path, &moved) {
                    Some(path) if read.tree.get(&path).is_some() => path,
                    _ => continue,
                },
            };
            // Lists come in order of names, so that the first one stays but for `base-files`.
            let owner = owners.entry(path).or_insert_with(|| (*package).to_owned());
            if *package == BASE && owner != BASE {
                BASE.clone_into(owner);
            }
        }
    }
    Ok(owners)
}

/// A path as dpkg lists it: absolute, `/.` for the root.
fn absolute(line: &[u8]) -> Option<ImagePath> {
    let is_absolute = line.first() == Some(&b'/');
    is_absolute
        .then(|| ImagePath::from_archive(line).ok())
        .flatten()
}

/// Top-level links of a merged `/usr`, such as `bin` to `usr/bin`: lists may name either.
fn moved(tree: &Tree<Open>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    tree.iter()
        .filter(|entry| entry.path.components().count() == 1)
        .filter_map(|entry| match &entry.inode.kind {
            Kind::Symlink(target) => {
                let target = target.strip_prefix(b"/").unwrap_or(target);
                let is_usr = target.strip_prefix(b"usr/") == entry.path.name();
                is_usr.then(|| (entry.path.relative().to_vec(), target.to_vec()))
            }
            _ => None,
        })
        .collect()
}

fn elsewhere(path: &ImagePath, moved: &BTreeMap<Vec<u8>, Vec<u8>>) -> Option<ImagePath> {
    let top = path.components().next()?;
    let rest = path.relative().strip_prefix(top)?;
    ImagePath::from_archive([moved.get(top)?, rest].concat()).ok()
}

fn is_list(path: &ImagePath) -> bool {
    package_of(path).is_some()
}

/// The package that a list is of: `NAME.list`, or `NAME:ARCHITECTURE.list`.
fn package_of(path: &ImagePath) -> Option<&str> {
    let name = path.as_bytes().strip_prefix(INFO.as_bytes())?;
    let name = name.strip_prefix(b"/")?.strip_suffix(LIST.as_bytes())?;
    let name = std::str::from_utf8(name).ok()?;
    let (package, architecture) = match name.split_once(':') {
        Some((package, architecture)) => (package, Some(architecture)),
        None => (name, None),
    };
    let is_valid =
        PackageName::is_valid(package) && architecture.is_none_or(Architecture::is_valid);
    is_valid.then_some(package)
}

/// The bytes of a regular file of the tree; `None` where there is none.
fn file(read: &Read, path: &str) -> Option<Result<Vec<u8>, String>> {
    content(read, &ImagePath::parse(path).ok()?)
}

fn content(read: &Read, path: &ImagePath) -> Option<Result<Vec<u8>, String>> {
    let Kind::Regular(content) = &read.tree.get(path)?.kind else {
        return None;
    };
    Some(read.kept.read(content).map_err(|_error| {
        format!(
            "it cannot be read, or needs more than {} MiB together with the image's other \
             descriptions of itself",
            limits::DIFF_DATABASE_MAX >> 20
        )
    }))
}
