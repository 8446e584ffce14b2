//! What both kinds of network policies share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ExportError;
use crate::segment::graph::{Graph, Link, Node};
use crate::segment::name::SegmentName;
use crate::segment::port::{Port, Proto};

/// The label by which pods say which segment they are of.
pub(super) const LABEL: &str = "karat-segment";

/// Ports by transport.
pub(super) type Openings = BTreeSet<(Proto, Option<Port>)>;

/// The label of a segment's pods.
///
/// # Errors
/// Kubernetes does not take the name as a label's value.
pub(super) fn label(name: &SegmentName) -> Result<Value, ExportError> {
    let text = name.as_str();
    let ends_well = text
        .chars()
        .next_back()
        .is_some_and(|last| last.is_ascii_alphanumeric());
    if text.len() > 63 || !ends_well {
        return Err(ExportError::Label(name.clone()));
    }
    Ok(json!({ LABEL: text }))
}

/// The flows to a segment, by the end that connects.
pub(super) fn to<'g>(graph: &'g Graph, name: &SegmentName) -> BTreeMap<&'g Node, Openings> {
    gather(graph, name, |link| (&link.to, &link.from))
}

/// The flows from a segment, by the end that accepts.
pub(super) fn from<'g>(graph: &'g Graph, name: &SegmentName) -> BTreeMap<&'g Node, Openings> {
    gather(graph, name, |link| (&link.from, &link.to))
}

fn gather<'g>(
    graph: &'g Graph,
    name: &SegmentName,
    ends: fn(&'g Link) -> (&'g Node, &'g Node),
) -> BTreeMap<&'g Node, Openings> {
    let mut all: BTreeMap<&Node, Openings> = BTreeMap::new();
    for link in graph.links.keys() {
        let (own, other) = ends(link);
        if own.segment() == Some(name) {
            all.entry(other)
                .or_default()
                .insert((link.proto, link.port));
        }
    }
    all
}

/// Several objects in one document.
pub(super) fn list(items: &BTreeMap<String, Value>) -> Value {
    let items: Vec<&Value> = items.values().collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// What a transport is called there.
pub(super) const fn protocol(proto: Proto) -> &'static str {
    match proto {
        Proto::Tcp => "TCP",
        Proto::Udp => "UDP",
    }
}

/// Objects by the names of their files, and all of them in one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Policies {
    /// Each object by the name of its segment.
    pub each: BTreeMap<String, Value>,
    /// A list of them.
    pub all: Value,
}

impl Policies {
    pub(super) fn new(each: BTreeMap<String, Value>) -> Self {
        let all = list(&each);
        Self { each, all }
    }
}
