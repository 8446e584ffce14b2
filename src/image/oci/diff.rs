//! What one tree has otherwise than another, as a layer says it.

use std::collections::{BTreeMap, BTreeSet};

use crate::path::ImagePath;
use crate::tree::{Blobs, Inode, InodeId, Sealed, Tree};

use super::OciError;
use crate::image::tar::{Writer, member_name};

/// What turns one tree into another: paths to write, and paths to remove.
#[derive(Debug)]
pub struct Difference<'a> {
    tree: &'a Tree<Sealed>,
    written: BTreeSet<&'a ImagePath>,
    removed: Vec<&'a ImagePath>,
}

impl<'a> Difference<'a> {
    /// Compares mode, owner, time, type, content, target, attributes and hard links of every path;
    /// origins do not matter.
    pub fn between(base: &'a Tree<Sealed>, tree: &'a Tree<Sealed>) -> Self {
        let mut groups: BTreeMap<InodeId, Vec<&ImagePath>> = BTreeMap::new();
        for entry in tree.iter() {
            groups.entry(entry.id).or_default().push(entry.path);
        }
        let base_groups: BTreeMap<InodeId, Vec<&ImagePath>> =
            base.hard_links().into_iter().collect();
        let mut written = BTreeSet::new();
        for paths in groups.values() {
            if !is_unchanged(base, tree, &base_groups, paths) {
                written.extend(paths);
            }
        }
        let mut removed: Vec<&ImagePath> = Vec::new();
        for entry in base.iter() {
            // What replaces a directory, and what removes one, takes its content along.
            let parent = entry.path.parent();
            let parent_stays =
                parent.is_none_or(|parent| tree.get(&parent).is_some_and(is_directory));
            if parent_stays && tree.get(entry.path).is_none() {
                removed.push(entry.path);
            }
        }
        Self {
            tree,
            written,
            removed,
        }
    }

    /// Whether the trees are the same.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }

    /// How many paths are written and removed.
    pub fn len(&self) -> usize {
        self.written.len() + self.removed.len()
    }

    /// Writes the entries: whiteouts first, then paths in bytewise order.
    pub(super) fn write(
        &self,
        blobs: &dyn Blobs,
        writer: &mut Writer<impl std::io::Write>,
    ) -> Result<(), OciError> {
        let whiteout = whiteout(self.tree);
        for path in &self.removed {
            let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
                continue;
            };
            let name = [WHITEOUT, name].concat();
            let target = parent
                .join(&name)
                .map_err(|_too_long| OciError::WhiteoutLength((*path).clone()))?;
            writer.marker(path, &member_name(&target, false), &whiteout)?;
        }
        let mut first: BTreeMap<InodeId, &ImagePath> = BTreeMap::new();
        for path in &self.written {
            let (Some(id), Some(inode)) = (self.tree.id(path), self.tree.get(path)) else {
                continue;
            };
            check_name(path)?;
            match first.get(&id) {
                Some(target) => writer.hard_link(path, inode, target)?,
                None => writer.entry(path, inode, blobs)?,
            }
            first.entry(id).or_insert(path);
        }
        Ok(())
    }
}

/// What the name of a removed path starts with in a layer.
pub(super) const WHITEOUT: &[u8] = b".wh.";

/// Refuses names that a layer takes for whiteouts.
pub(super) fn check_name(path: &ImagePath) -> Result<(), OciError> {
    if path.name().is_some_and(|name| name.starts_with(WHITEOUT)) {
        return Err(OciError::Whiteout(path.clone()));
    }
    Ok(())
}

/// An empty file of root's.
fn whiteout(tree: &Tree<Sealed>) -> Inode {
    use crate::tree::{Content, Kind, Mode, Origin, Stat, Xattrs};
    Inode {
        stat: Stat {
            mtime: tree.epoch().seconds(),
            ..Stat::root(Mode::FILE)
        },
        kind: Kind::Regular(Content::of(b"")),
        xattrs: Xattrs::new(),
        origin: Origin::Template("karat".to_owned()),
    }
}

fn is_directory(inode: &Inode) -> bool {
    inode.kind == crate::tree::Kind::Directory
}

/// Whether all paths of an inode lead to one equal inode of the base, which has no further path
/// that the new tree keeps apart.
fn is_unchanged(
    base: &Tree<Sealed>,
    tree: &Tree<Sealed>,
    base_groups: &BTreeMap<InodeId, Vec<&ImagePath>>,
    paths: &[&ImagePath],
) -> bool {
    let Some(first) = paths.first() else {
        return true;
    };
    let (Some(old), Some(new), Some(id)) = (base.get(first), tree.get(first), base.id(first))
    else {
        return false;
    };
    let same_inode = old.stat == new.stat && old.kind == new.kind && old.xattrs == new.xattrs;
    let same_paths = || {
        let in_base = base_groups.get(&id).map_or([].as_slice(), Vec::as_slice);
        let kept = in_base.iter().filter(|path| tree.get(path).is_some());
        paths.len() == kept.count().max(1) && paths.iter().all(|path| base.id(path) == Some(id))
    };
    same_inode && same_paths()
}
