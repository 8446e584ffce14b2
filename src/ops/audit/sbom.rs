//! Lists of packages (SBOM) beside manifests: only the one that was signed says what a release holds.

use std::path::{Path, PathBuf};

use super::{Code, PackageDelta};
use crate::digest::Digest;
use crate::image::further::Further;
use crate::limits;
use crate::lock::Inventory;
use crate::ops::further::SBOM_SUFFIX;
use crate::sys::fs::{self, IoError};
use crate::sys::material::with_suffix;

/// The list of packages of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sbom {
    /// Its SHA-256, as the signed list of outputs has it.
    pub(super) sha256: Digest,
    inventory: Inventory,
}

/// What keeps a list from counting: the code, the file, and why.
pub(super) type Fault = (Code, PathBuf, String);

/// The SBOM of the image `name` beside its manifest, by way of the list of outputs with the digest
/// `outputs`, which a statement names; `None` where either is not there.
///
/// # Errors
/// A file is there and cannot be read.
pub(super) fn read(
    manifest: &Path,
    name: &str,
    outputs: Digest,
) -> Result<Result<Option<Sbom>, Fault>, IoError> {
    let stem = manifest.with_extension("");
    let list = with_suffix(&stem, ".outputs.json");
    let Some(bytes) = read_if_there(&list, limits::FURTHER_MAX)? else {
        return Ok(Ok(None));
    };
    if Digest::of(&bytes) != outputs {
        return Ok(Err(other(list, outputs)));
    }
    let further = match Further::parse(&bytes) {
        Ok(further) => further,
        Err(error) => return Ok(Err((Code::NotCompared, list, error.to_string()))),
    };
    let name = format!("{name}{SBOM_SUFFIX}");
    let Some((_, listed)) = further.iter().find(|(file, _)| *file == name) else {
        return Ok(Ok(None));
    };
    let path = with_suffix(&stem, SBOM_SUFFIX);
    let Some(bytes) = read_if_there(&path, limits::FURTHER_HASHED_MAX)? else {
        return Ok(Ok(None));
    };
    if Digest::of(&bytes) != listed.digest {
        return Ok(Err(other(path, listed.digest)));
    }
    Ok(match Inventory::parse(&bytes) {
        Ok(inventory) => Ok(Some(Sbom {
            sha256: listed.digest,
            inventory,
        })),
        Err(error) => Err((Code::NotCompared, path, error.to_string())),
    })
}

/// Packages of which the versions differ, by name.
pub(super) fn deltas(from: &Sbom, to: &Sbom) -> Vec<PackageDelta> {
    let (from, to) = (from.inventory.versions(), to.inventory.versions());
    let mut names: Vec<&str> = from.keys().chain(to.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let differs = |name: &&str| from.get(name) != to.get(name);
    names
        .into_iter()
        .filter(differs)
        .map(|name| PackageDelta {
            name: name.to_owned(),
            from: from.get(name).map(|version| (*version).to_owned()),
            to: to.get(name).map(|version| (*version).to_owned()),
        })
        .collect()
}

fn read_if_there(path: &Path, most: u64) -> Result<Option<Vec<u8>>, IoError> {
    match fs::read(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn other(path: PathBuf, signed: Digest) -> Fault {
    let text = format!("it is another than the one that was signed, sha256 {signed}");
    (Code::OtherSbom, path, text)
}
