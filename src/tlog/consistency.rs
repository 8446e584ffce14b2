//! Proofs that a tree has only grown (RFC 6962, section 2.1.2; checked as RFC 9162, section
//! 2.1.4.2).

use super::hash::node_hash;
use super::node::{Nodes, span, split};
use super::{ProofError, TreeHead};
use crate::digest::Digest;
use crate::limits;

/// What claims to prove that one tree begins with all leaves of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The hashes of RFC 6962's proof.
    pub hashes: Vec<Digest>,
}

/// A tree that begins with all leaves of another one. Only [`ConsistencyProof::check`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extends {
    old: TreeHead,
    new: TreeHead,
}

impl ConsistencyProof {
    /// Makes the proof between the trees over the first `old` and the first `new` leaves; `None`
    /// where the first is the larger one.
    ///
    /// # Errors
    /// A hash cannot be had.
    pub fn make<N: Nodes>(old: u64, new: u64, nodes: &mut N) -> Result<Option<Self>, N::Error> {
        if old > new {
            return Ok(None);
        }
        let mut hashes = Vec::new();
        if old == 0 || old == new {
            return Ok(Some(Self { hashes }));
        }
        let (mut start, mut end) = (0_u64, new);
        // Down to the subtree that ends where the old tree ends.
        while end != old {
            let middle = start.saturating_add(split(end.saturating_sub(start)));
            if old <= middle {
                hashes.push(span(middle, end, nodes)?);
                end = middle;
            } else {
                hashes.push(span(start, middle, nodes)?);
                start = middle;
            }
        }
        // Where that is the whole old tree, whoever checks has its root.
        if start != 0 {
            hashes.push(span(start, end, nodes)?);
        }
        hashes.reverse();
        Ok(Some(Self { hashes }))
    }

    /// Checks that `new` begins with all leaves of `old`.
    ///
    /// # Errors
    /// It proves nothing of the kind.
    pub fn check(&self, old: TreeHead, new: TreeHead) -> Result<Extends, ProofError> {
        let extends = Ok(Extends { old, new });
        let wrong = Err(ProofError::Length(self.hashes.len()));
        if old.size > new.size {
            return Err(ProofError::Shrinks {
                old: old.size,
                new: new.size,
            });
        }
        if old.size == 0 || old.size == new.size {
            if !self.hashes.is_empty() {
                return wrong;
            }
            // Of no leaves there is one tree, of the same leaves as well.
            let same = old
                == if old.size == 0 {
                    TreeHead::empty()
                } else {
                    new
                };
            return if same { extends } else { Err(ProofError::Root) };
        }
        if self.hashes.len() > limits::PROOF_HASHES_MAX {
            return wrong;
        }
        let mut hashes = self.hashes.iter().copied();
        let first = if old.size.is_power_of_two() {
            Some(old.root)
        } else {
            hashes.next()
        };
        let Some(first) = first else {
            return wrong;
        };
        let (mut at, mut last) = (old.size.saturating_sub(1), new.size.saturating_sub(1));
        while at & 1 == 1 {
            at >>= 1;
            last >>= 1;
        }
        let (mut before, mut after) = (first, first);
        for hash in hashes {
            if last == 0 {
                return wrong;
            }
            if at & 1 == 1 || at == last {
                before = node_hash(hash, before);
                after = node_hash(hash, after);
                while at & 1 == 0 && at != 0 {
                    at >>= 1;
                    last >>= 1;
                }
            } else {
                after = node_hash(after, hash);
            }
            at >>= 1;
            last >>= 1;
        }
        if last != 0 {
            return wrong;
        }
        if before == old.root && after == new.root {
            extends
        } else {
            Err(ProofError::Root)
        }
    }
}

impl Extends {
    /// The tree before.
    pub fn old(&self) -> TreeHead {
        self.old
    }

    /// The tree after.
    pub fn new_head(&self) -> TreeHead {
        self.new
    }
}
