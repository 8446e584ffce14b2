//! One look over a whole root, for all rules about modes and owners: what none of them could name is
//! forgotten at once, and no content is read.

use std::collections::BTreeSet;

use super::root::fixed;
use super::{Node, NodeKind, Root, ViewError};
use crate::path::ImagePath;

/// Where programs and libraries are, and what starts them.
pub(super) const PROGRAMS: [&str; 8] = [
    "/bin", "/boot", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr",
];
/// The set-user-id and set-group-id bits (inode(7)).
pub(super) const SET_ID: u32 = 0o6000;
/// What everybody may write.
pub(super) const OTHERS_WRITE: u32 = 0o002;
/// What anybody but the owner may write.
pub(super) const NOT_OWNER_WRITE: u32 = 0o022;
/// Where capabilities of a file are kept (capabilities(7)): the only extended attribute that rules ask
/// for.
pub const CAPABILITY: &[u8] = b"security.capability";

/// The numbers of users and groups that have a name.
#[derive(Debug)]
pub(super) struct Names {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

impl Names {
    pub(super) fn of(root: &Root<'_>) -> Result<Self, ViewError> {
        Ok(Self {
            users: numbers(root, "/etc/passwd")?,
            groups: numbers(root, "/etc/group")?,
        })
    }

    /// Whether there are no accounts at all.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    /// Whether owner and group of something have names.
    pub(super) fn know(&self, node: &Node) -> bool {
        self.users.contains(&node.stat.uid) && self.groups.contains(&node.stat.gid)
    }
}

/// Everything below `/` that has set-id bits or capabilities, that everybody may write, that nobody
/// owns, or that lies among programs and is not root's alone; links left out.
///
/// # Errors
/// As [`Root::walk`].
pub(super) fn survey(root: &Root<'_>) -> Result<Vec<(ImagePath, Node)>, ViewError> {
    let names = Names::of(root)?;
    let programs = PROGRAMS.map(fixed);
    let mut found = Vec::new();
    root.walk(&ImagePath::root(), &mut |path, node| {
        let bits = node.stat.mode.bits();
        let is_named = match node.kind {
            NodeKind::Symlink(_) => false,
            _ if bits & (SET_ID | OTHERS_WRITE) != 0 || node.xattrs.contains_key(CAPABILITY) => {
                true
            }
            _ if !names.is_empty() && !names.know(node) => true,
            _ => {
                let is_loose = bits & NOT_OWNER_WRITE != 0 || node.stat.uid != 0;
                is_loose && programs.iter().any(|top| path.is_within(top))
            }
        };
        if is_named {
            found.push((path.clone(), node.clone()));
        }
        Ok(())
    })?;
    Ok(found)
}

/// The numbers in a file of accounts or groups.
fn numbers(root: &Root<'_>, file: &str) -> Result<BTreeSet<u32>, ViewError> {
    let text = root.text(&fixed(file))?.unwrap_or_default();
    let numbers = text
        .lines()
        .filter_map(|line| line.split(':').nth(2)?.parse().ok());
    Ok(numbers.collect())
}
