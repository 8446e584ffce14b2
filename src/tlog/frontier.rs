//! A tree that grows at its right edge.

use super::TreeHead;
use super::hash::{empty_root, node_hash};
use super::node::Node;
use crate::digest::Digest;

/// The right edge of a tree: the roots of the whole subtrees that it is made of, the largest first.
///
/// That is all that is needed to add leaves, and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Digest>,
}

impl Frontier {
    /// The edge of a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree of `size` leaves, whose whole subtrees have these roots, the largest
    /// first; `None` where their number does not fit.
    pub fn of(size: u64, roots: Vec<Digest>) -> Option<Self> {
        let count = u32::try_from(roots.len()).ok()?;
        (count == size.count_ones()).then_some(Self { size, roots })
    }

    /// The whole subtrees that a tree of `size` leaves is made of, the largest first.
    pub fn nodes(size: u64) -> Vec<Node> {
        let levels = (0..64).rev().filter(|level| size >> level & 1 == 1);
        levels
            .map(|level| Node {
                level,
                // The subtree is the last one of its level.
                index: (size >> level).saturating_sub(1),
            })
            .collect()
    }

    /// Adds a leaf, and tells `complete` of each node that is now whole, the leaf first.
    pub fn push(&mut self, leaf: Digest, mut complete: impl FnMut(Node, Digest)) {
        let (mut hash, mut level) = (leaf, 0_u8);
        let mut index = self.size;
        complete(Node { level, index }, hash);
        while index & 1 == 1 {
            let Some(left) = self.roots.pop() else {
                break;
            };
            hash = node_hash(left, hash);
            level = level.saturating_add(1);
            index >>= 1;
            complete(Node { level, index }, hash);
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree as a whole.
    pub fn head(&self) -> TreeHead {
        let mut roots = self.roots.iter().rev().copied();
        let root = match roots.next() {
            None => empty_root(),
            Some(smallest) => roots.fold(smallest, |right, left| node_hash(left, right)),
        };
        TreeHead {
            size: self.size,
            root,
        }
    }
}
