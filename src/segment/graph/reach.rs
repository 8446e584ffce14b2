//! What can be reached by way of others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::value::{Graph, Link, Node};
use crate::segment::name::SegmentName;

impl Graph {
    /// The flows that begin at each node. Nothing goes on from the outside: what leaves the fleet
    /// and comes back by a public service is that service's own flow.
    pub fn outgoing(&self) -> BTreeMap<&Node, Vec<&Link>> {
        let mut outgoing: BTreeMap<&Node, Vec<&Link>> = BTreeMap::new();
        for link in self.links.keys() {
            outgoing.entry(&link.from).or_default().push(link);
        }
        outgoing
    }

    /// What falls when `start` does: the segments that can be reached from it, each with the shortest
    /// way there. `start` itself is not among them.
    pub fn blast(&self, start: &Node) -> BTreeMap<SegmentName, Vec<Link>> {
        Self::blast_through(start, &self.outgoing(), &|_| true)
    }

    /// As [`Graph::blast`], going on from those segments alone that `through` lets.
    pub(in crate::segment) fn blast_through(
        start: &Node,
        outgoing: &BTreeMap<&Node, Vec<&Link>>,
        through: &dyn Fn(&SegmentName) -> bool,
    ) -> BTreeMap<SegmentName, Vec<Link>> {
        let mut before: BTreeMap<&Node, &Link> = BTreeMap::new();
        let mut seen: BTreeSet<&Node> = BTreeSet::from([start]);
        let mut next: VecDeque<&Node> = VecDeque::from([start]);
        while let Some(node) = next.pop_front() {
            let goes_on = node == start || node.segment().is_some_and(through);
            if !goes_on {
                continue;
            }
            for link in outgoing.get(node).into_iter().flatten().copied() {
                if link.to.segment().is_some() && seen.insert(&link.to) {
                    before.insert(&link.to, link);
                    next.push_back(&link.to);
                }
            }
        }
        let mut found = BTreeMap::new();
        for (node, last) in &before {
            let mut way = vec![(*last).clone()];
            let mut at = &last.from;
            while let Some(link) = before.get(at) {
                way.push((*link).clone());
                at = &link.from;
            }
            way.reverse();
            if let Some(name) = node.segment() {
                found.insert(name.clone(), way);
            }
        }
        found
    }
}
