//! Tables (RFC 4180). No field holds what would need quotes: names, words and numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::segment::graph::{Graph, Node};
use crate::segment::value::Category;

/// One line for each flow.
pub fn flows(graph: &Graph) -> String {
    let mut text =
        "from,from_category,to,to_category,protocol,port_first,port_last,service,kind\r\n"
            .to_owned();
    for link in graph.links.keys() {
        let (first, last) = match link.port {
            Some(port) => (port.first(), port.last()),
            None => (1, u16::MAX),
        };
        let fields = [
            link.from.to_string(),
            category(graph, &link.from).to_owned(),
            link.to.to_string(),
            category(graph, &link.to).to_owned(),
            link.proto.to_string(),
            first.to_string(),
            last.to_string(),
            link.service.clone(),
            link.kind.word().to_owned(),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Who reaches whom: a line for each node that connects, a column for each that accepts; in a field the
/// openings, with a blank between them.
pub fn matrix(graph: &Graph) -> String {
    let from: BTreeSet<&Node> = graph.links.keys().map(|link| &link.from).collect();
    let to: BTreeSet<&Node> = graph.links.keys().map(|link| &link.to).collect();
    let mut text = "from".to_owned();
    for node in &to {
        text = format!("{text},{node}");
    }
    text.push_str("\r\n");
    for start in from {
        text.push_str(&start.to_string());
        for end in &to {
            let openings: BTreeMap<_, String> = graph
                .links
                .keys()
                .filter(|link| link.from == *start && link.to == **end)
                .map(|link| ((link.proto, link.port), link.opening()))
                .collect();
            let openings: Vec<String> = openings.into_values().collect();
            text = format!("{text},{}", openings.join(" "));
        }
        text.push_str("\r\n");
    }
    text
}

fn category(graph: &Graph, node: &Node) -> &'static str {
    let group = node.segment().and_then(|name| graph.segments.get(name));
    group
        .and_then(|group| group.category)
        .map_or("", Category::word)
}
