//! One path of a manifest.

use std::sync::Arc;

use crate::path::ImagePath;
use crate::tree::{Kind, Mode, Origin, Xattrs};

/// What a manifest says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path.
    pub path: ImagePath,
    /// Permission, set-id and sticky bits.
    pub mode: Mode,
    /// Owner, as the image's own number.
    pub uid: u32,
    /// Group, as the image's own number.
    pub gid: u32,
    /// How many paths lead to this inode: 1, or the size of its hard-link group.
    pub links: u32,
    /// The number of its hard-link group, from 1 in the order of the groups' first paths; `None`
    /// where `links` is 1.
    pub group: Option<u32>,
    /// Type, and what belongs to that type alone.
    pub kind: Kind,
    /// Extended attributes, capabilities and ACLs among them.
    pub xattrs: Xattrs,
    /// Who put it there; entries of one origin share it.
    pub origin: Arc<Origin>,
}
