//! The graph and its changes as documents: what `--json` prints.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::segment::{Category, DataClass, Difference, Graph, Lifecycle, Link, Node};

/// A fleet's graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GraphDocument {
    /// Of this form.
    pub version: u32,
    /// The segments, by name.
    pub segments: Vec<SegmentDocument>,
    /// The flows, in order.
    pub flows: Vec<FlowDocument>,
}

/// A segment of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentDocument {
    /// Its name.
    pub name: String,
    /// What kind of service.
    pub category: Option<&'static str>,
    /// Whether it is kept up to date.
    pub lifecycle: Option<&'static str>,
    /// The most secret that it keeps.
    pub data_class: Option<&'static str>,
    /// Its images.
    pub images: Vec<String>,
    /// The segments that fall with it, each with the shortest way there: the names on it.
    pub blast: BTreeMap<String, Vec<String>>,
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowDocument {
    /// Who begins: a segment, `public`, a network.
    pub from: String,
    /// Who accepts.
    pub to: String,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The ports, as in `443` or `8000-8010`; `null`: all.
    pub port: Option<String>,
    /// What it is for.
    pub service: String,
    /// `service`, `admin` or `egress`.
    pub kind: &'static str,
}

/// What changed between two fleets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferenceDocument {
    /// Of this form.
    pub version: u32,
    /// Segments that are new.
    pub segments_added: Vec<String>,
    /// Segments that are gone.
    pub segments_removed: Vec<String>,
    /// Flows that are new.
    pub added: Vec<FlowDocument>,
    /// Flows that are gone.
    pub removed: Vec<FlowDocument>,
    /// What can be reached now, or no more.
    pub reach: Vec<ReachDocument>,
}

/// A change of what can be reached from somewhere, by way of others too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReachDocument {
    /// From where.
    pub from: String,
    /// Segments that can be reached now, each with the names on a shortest way there.
    pub gained: BTreeMap<String, Vec<String>>,
    /// Segments that can be reached no more.
    pub lost: Vec<String>,
}

impl GraphDocument {
    /// The document of a graph.
    pub fn new(graph: &Graph) -> Self {
        let segments = graph.segments.iter().map(|(name, group)| SegmentDocument {
            name: name.to_string(),
            category: group.category.map(Category::word),
            lifecycle: group.lifecycle.map(Lifecycle::word),
            data_class: group.data_class.map(DataClass::word),
            images: group.images.iter().cloned().collect(),
            blast: graph
                .blast(&Node::Segment(name.clone()))
                .iter()
                .map(|(target, way)| (target.to_string(), stations(way)))
                .collect(),
        });
        Self {
            version: 1,
            segments: segments.collect(),
            flows: graph.links.keys().map(FlowDocument::new).collect(),
        }
    }
}

impl FlowDocument {
    fn new(link: &Link) -> Self {
        Self {
            from: link.from.to_string(),
            to: link.to.to_string(),
            protocol: link.proto.word(),
            port: link.port.map(|port| port.to_string()),
            service: link.service.clone(),
            kind: link.kind.word(),
        }
    }
}

impl DifferenceDocument {
    /// The document of a difference.
    pub fn new(difference: &Difference) -> Self {
        let texts = |names: &[crate::segment::SegmentName]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        Self {
            version: 1,
            segments_added: texts(&difference.segments_added),
            segments_removed: texts(&difference.segments_removed),
            added: difference.added.iter().map(FlowDocument::new).collect(),
            removed: difference.removed.iter().map(FlowDocument::new).collect(),
            reach: difference
                .reach
                .iter()
                .map(|reach| ReachDocument {
                    from: reach.from.to_string(),
                    gained: reach
                        .gained
                        .iter()
                        .map(|(name, way)| (name.to_string(), stations(way)))
                        .collect(),
                    lost: texts(&reach.lost),
                })
                .collect(),
        }
    }
}

/// The names on a way, both ends among them.
fn stations(way: &[Link]) -> Vec<String> {
    let first = way.first().map(|link| link.from.to_string());
    let others = way.iter().map(|link| link.to.to_string());
    first.into_iter().chain(others).collect()
}
