//! Addresses of whole subtrees, and what is made of them.

use super::hash::{empty_root, node_hash};
use crate::digest::Digest;

/// The root of a whole subtree: `2^level` leaves, from leaf `index * 2^level` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Its height; 0 is a leaf.
    pub level: u8,
    /// Its place among those of its level.
    pub index: u64,
}

/// Where hashes of whole subtrees come from.
pub trait Nodes {
    /// Why there is none.
    type Error;

    /// The hash of `node`.
    ///
    /// # Errors
    /// It cannot be had.
    fn node(&mut self, node: Node) -> Result<Digest, Self::Error>;
}

impl<E, F: FnMut(Node) -> Result<Digest, E>> Nodes for F {
    type Error = E;

    fn node(&mut self, node: Node) -> Result<Digest, E> {
        self(node)
    }
}

/// The root of the tree over the first `size` leaves.
///
/// # Errors
/// A hash cannot be had.
pub fn root_of<N: Nodes>(size: u64, nodes: &mut N) -> Result<Digest, N::Error> {
    span(0, size, nodes)
}

/// The root over the leaves from `start` to before `end`, as RFC 6962 splits them; `start` is a
/// multiple of a power of two that is no smaller than their number.
pub(super) fn span<N: Nodes>(start: u64, end: u64, nodes: &mut N) -> Result<Digest, N::Error> {
    let count = end.saturating_sub(start);
    let mut hash = None;
    // The smallest subtree is the last one.
    let mut at = end;
    for level in (0..64_u8).filter(|level| count >> level & 1 == 1) {
        let width = 1_u64 << level;
        at = at.saturating_sub(width);
        let left = nodes.node(Node {
            level,
            index: at >> level,
        })?;
        hash = Some(match hash {
            None => left,
            Some(right) => node_hash(left, right),
        });
    }
    Ok(hash.unwrap_or_else(empty_root))
}

/// Where RFC 6962 splits `count` leaves, two or more: the largest power of two below their number.
pub(super) fn split(count: u64) -> u64 {
    let last = count.saturating_sub(1).max(1);
    1 << last.ilog2()
}
