//! Where something new goes.

use super::{Kind, Tree};
use crate::path::ImagePath;

impl<State> Tree<State> {
    /// Where `path` stands once links in its parents are followed, as for a process inside the
    /// image; its parents may be missing.
    ///
    /// `None` where a parent is no directory, or is a link that leads nowhere: that is not replaced
    /// behind its owner's back.
    pub fn locate(&self, path: &ImagePath) -> Option<ImagePath> {
        // The deepest ancestor that leads somewhere, and the names below it that do not yet.
        let mut missing: Vec<&[u8]> = path.name().into_iter().collect();
        let mut ancestor = path.parent().unwrap_or_else(ImagePath::root);
        let mut names = path.components().rev().skip(1);
        let mut at = loop {
            if let Some(found) = self.resolve(&ancestor) {
                break found;
            }
            if self.get(&ancestor).is_some() {
                return None;
            }
            missing.push(names.next()?);
            ancestor = ancestor.parent()?;
        };
        if self.get(&at).map(|inode| &inode.kind) != Some(&Kind::Directory) {
            return None;
        }
        while let Some(name) = missing.pop() {
            at = at.join(name).ok()?;
        }
        Some(at)
    }
}
