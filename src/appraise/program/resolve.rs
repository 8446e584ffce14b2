//! Where a path leads by the manifest alone.

use crate::manifest::{Entry, Manifest};
use crate::path::ImagePath;
use crate::tree::Kind;

/// Most symbolic links on one way, as in Linux (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// The entry to which `path` leads, symbolic links of the manifest followed; `None` where there is
/// none, or links lead in a circle.
pub(super) fn resolve<'m>(manifest: &'m Manifest, path: &[u8]) -> Option<&'m Entry> {
    let mut links = 0_usize;
    let mut at = ImagePath::root();
    let mut entry = manifest.get(&at)?;
    let mut rest: Vec<Vec<u8>> = components(path);
    while let Some(name) = rest.pop() {
        if name == b".." {
            at = at.parent().unwrap_or_else(ImagePath::root);
            entry = manifest.get(&at)?;
            continue;
        }
        let next = at.join(&name).ok()?;
        entry = manifest.get(&next)?;
        if let Kind::Symlink(target) = &entry.kind {
            links = links.saturating_add(1);
            if links > LINKS_MAX {
                return None;
            }
            if target.first() == Some(&b'/') {
                at = ImagePath::root();
            }
            rest.extend(components(target));
            entry = manifest.get(&at)?;
        } else {
            if entry.kind != Kind::Directory && !rest.is_empty() {
                return None;
            }
            at = next;
        }
    }
    Some(entry)
}

/// The components of a path, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .rev()
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
        .collect()
}
