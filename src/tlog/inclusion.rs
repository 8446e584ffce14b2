//! Proofs that a leaf is in a tree (RFC 6962, section 2.1.1; checked as RFC 9162, section 2.1.3.2).

use super::TreeHead;
use super::hash::node_hash;
use super::node::{Nodes, span, split};
use crate::digest::Digest;
use crate::limits;

/// What claims to prove that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf's place, from 0.
    pub index: u64,
    /// The siblings on the way from the leaf to the root.
    pub hashes: Vec<Digest>,
}

/// A leaf that is in a tree. Only [`InclusionProof::check`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Included {
    index: u64,
    leaf: Digest,
    head: TreeHead,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The place is not in the tree.
    #[error("the proof is for entry {index} of a tree that has {size}")]
    Index {
        /// The place.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The tree that came before is the larger one.
    #[error("the proof leads from a tree of {old} to a smaller one of {new}")]
    Shrinks {
        /// The size before.
        old: u64,
        /// The size after.
        new: u64,
    },
    /// Too many hashes, or too few.
    #[error("the proof has {0} hashes, which is not as many as such a tree needs")]
    Length(usize),
    /// The hashes lead to another root.
    #[error("the proof leads to another root than the tree has")]
    Root,
}

impl InclusionProof {
    /// Makes the proof for the leaf `index` of the tree over the first `size` leaves; `None` where
    /// it has no such leaf.
    ///
    /// # Errors
    /// A hash cannot be had.
    pub fn make<N: Nodes>(index: u64, size: u64, nodes: &mut N) -> Result<Option<Self>, N::Error> {
        if index >= size {
            return Ok(None);
        }
        let mut hashes = Vec::new();
        let (mut start, mut end) = (0_u64, size);
        while end.saturating_sub(start) > 1 {
            let middle = start.saturating_add(split(end.saturating_sub(start)));
            if index < middle {
                hashes.push(span(middle, end, nodes)?);
                end = middle;
            } else {
                hashes.push(span(start, middle, nodes)?);
                start = middle;
            }
        }
        hashes.reverse();
        Ok(Some(Self { index, hashes }))
    }

    /// Checks that `leaf` is in the tree `head`.
    ///
    /// # Errors
    /// It proves nothing of the kind.
    pub fn check(&self, leaf: Digest, head: TreeHead) -> Result<Included, ProofError> {
        let Self { index, hashes } = self;
        if *index >= head.size {
            return Err(ProofError::Index {
                index: *index,
                size: head.size,
            });
        }
        let wrong = Err(ProofError::Length(hashes.len()));
        if hashes.len() > limits::PROOF_HASHES_MAX {
            return wrong;
        }
        let (mut at, mut last) = (*index, head.size.saturating_sub(1));
        let mut hash = leaf;
        for sibling in hashes {
            if last == 0 {
                return wrong;
            }
            if at & 1 == 1 || at == last {
                hash = node_hash(*sibling, hash);
                while at & 1 == 0 && at != 0 {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(hash, *sibling);
            }
            at >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return wrong;
        }
        if hash != head.root {
            return Err(ProofError::Root);
        }
        Ok(Included {
            index: *index,
            leaf,
            head,
        })
    }
}

impl Included {
    /// The leaf's place, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The leaf.
    pub fn leaf(&self) -> Digest {
        self.leaf
    }

    /// The tree.
    pub fn head(&self) -> TreeHead {
        self.head
    }
}
