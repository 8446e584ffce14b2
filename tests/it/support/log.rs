//! A log in memory.

use std::collections::BTreeMap;

use karat::digest::Digest;
use karat::key::Signer;
use karat::tlog::{
    Checkpoint, ConsistencyProof, Frontier, InclusionProof, Node, Note, NoteName, Receipt,
    leaf_hash,
};

/// All hashes of a tree.
#[derive(Default)]
pub struct MemoryTree {
    pub frontier: Frontier,
    pub nodes: BTreeMap<Node, Digest>,
}

impl MemoryTree {
    /// A tree whose leaves are the numbers from 0, in decimal.
    pub fn of_numbers(size: u64) -> Self {
        let mut tree = Self::default();
        for number in 0..size {
            tree.push(number.to_string().as_bytes());
        }
        tree
    }

    pub fn push(&mut self, entry: &[u8]) {
        let nodes = &mut self.nodes;
        self.frontier.push(leaf_hash(entry), |node, hash| {
            assert_eq!(nodes.insert(node, hash), None, "{node:?} twice");
        });
    }

    pub fn node(&self, node: Node) -> Digest {
        self.nodes[&node]
    }

    pub fn inclusion(&self, index: u64, size: u64) -> InclusionProof {
        let mut node = |node| Ok::<_, ()>(self.node(node));
        InclusionProof::make(index, size, &mut node)
            .unwrap()
            .unwrap()
    }

    pub fn consistency(&self, old: u64, new: u64) -> ConsistencyProof {
        let mut node = |node| Ok::<_, ()>(self.node(node));
        ConsistencyProof::make(old, new, &mut node)
            .unwrap()
            .unwrap()
    }
}

pub fn name(text: &str) -> NoteName {
    NoteName::parse(text).unwrap()
}

/// The checkpoint of `tree`, signed by nobody yet.
pub fn checkpoint(origin: &str, tree: &MemoryTree) -> Note {
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        head: tree.frontier.head(),
        extensions: Vec::new(),
    };
    Note::new(checkpoint.to_text())
}

/// The Receipt of the entry `index` in a log that holds `entries`, with the log's signature.
pub fn receipt(origin: &str, log: &dyn Signer, entries: &[Vec<u8>], index: u64) -> Receipt {
    let mut tree = MemoryTree::default();
    for entry in entries {
        tree.push(entry);
    }
    let mut note = checkpoint(origin, &tree);
    note.sign(&name(origin), log).unwrap();
    Receipt {
        extra: None,
        proof: tree.inclusion(index, tree.frontier.size()),
        checkpoint: note,
    }
}
