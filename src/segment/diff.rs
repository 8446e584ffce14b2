//! What changed between two fleets.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Link, Node};
use super::name::SegmentName;

/// What changed from one fleet to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Segments that are new.
    pub segments_added: Vec<SegmentName>,
    /// Segments that are gone.
    pub segments_removed: Vec<SegmentName>,
    /// Flows that are new.
    pub added: Vec<Link>,
    /// Flows that are gone.
    pub removed: Vec<Link>,
    /// What can be reached now, or no more, by way of others too.
    pub reach: Vec<Reach>,
}

/// A change of what can be reached from one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// From where.
    pub from: Node,
    /// Segments that can be reached now, each with a way.
    pub gained: BTreeMap<SegmentName, Vec<Link>>,
    /// Segments that can be reached no more.
    pub lost: Vec<SegmentName>,
}

impl Difference {
    /// What changed from `before` to `after`.
    pub fn between(before: &Graph, after: &Graph) -> Self {
        let missing = |from: &Graph, other: &Graph| -> Vec<SegmentName> {
            let names = from.segments.keys();
            names
                .filter(|name| !other.segments.contains_key(*name))
                .cloned()
                .collect()
        };
        let links = |from: &Graph, other: &Graph| -> Vec<Link> {
            let links = from.links.keys();
            links
                .filter(|link| !other.links.contains_key(*link))
                .cloned()
                .collect()
        };
        let mut starts: BTreeSet<&Node> = BTreeSet::new();
        for graph in [before, after] {
            starts.extend(graph.links.keys().map(|link| &link.from));
        }
        let (outgoing_before, outgoing_after) = (before.outgoing(), after.outgoing());
        let mut reach = Vec::new();
        for start in starts {
            let old = Graph::blast_through(start, &outgoing_before, &|_| true);
            let mut gained = Graph::blast_through(start, &outgoing_after, &|_| true);
            let lost = old
                .keys()
                .filter(|name| !gained.contains_key(*name))
                .cloned()
                .collect::<Vec<_>>();
            gained.retain(|name, _| !old.contains_key(name));
            if !gained.is_empty() || !lost.is_empty() {
                reach.push(Reach {
                    from: start.clone(),
                    gained,
                    lost,
                });
            }
        }
        Self {
            segments_added: missing(after, before),
            segments_removed: missing(before, after),
            added: links(after, before),
            removed: links(before, after),
            reach,
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
