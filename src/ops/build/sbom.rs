//! The list of packages for other tools: `.spdx.json`.

use super::BuildError;
use crate::deb::SourcePackages;
use crate::limits;
use crate::lock::{Described, Lockfile, spdx};
use crate::path::ImagePath;
use crate::sys::fs::IoError;
use crate::sys::packages::STATUS;
use crate::template::Template;
use crate::tree::{Blobs, Kind, Sealed, Tree};

pub(super) use crate::ops::further::SBOM_SUFFIX as SUFFIX;

/// The SBOM of an image: the packages of its lock, and what its own dpkg says about their sources.
///
/// # Errors
/// The image's dpkg database is there and its bytes cannot be read.
pub(super) fn sbom(
    template: &Template,
    lock: &Lockfile,
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
) -> Result<Vec<u8>, BuildError> {
    let described = Described {
        name: template.image.name.as_str(),
        version: template.image.version.as_str(),
        tool: env!("CARGO_PKG_VERSION"),
    };
    Ok(spdx(&described, lock, &sources(tree, blobs)?)?)
}

/// What the image's dpkg says; nothing where it has no database of ordinary size.
fn sources(tree: &Tree<Sealed>, blobs: &dyn Blobs) -> Result<SourcePackages, BuildError> {
    let path = ImagePath::parse(STATUS)?;
    let content = match tree.get(&path).map(|inode| &inode.kind) {
        Some(Kind::Regular(content)) if content.size <= limits::DPKG_STATUS_MAX => content,
        _ => return Ok(SourcePackages::default()),
    };
    let bytes = blobs.read(content);
    let bytes = bytes.map_err(|error| IoError::new("read", STATUS, error))?;
    Ok(SourcePackages::parse(&String::from_utf8_lossy(&bytes)))
}
