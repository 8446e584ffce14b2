//! Graphviz (dot(1)) and Mermaid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::segment::graph::{Graph, Link, LinkKind, Node};
use crate::segment::value::Category;

/// A drawing for dot(1): segments in clusters by category, flows of two ends in one arrow.
pub fn dot(graph: &Graph) -> String {
    let mut text = "digraph fleet {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", \
                    fillcolor=white, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", \
                    fontsize=10];\n"
        .to_owned();
    for (category, nodes) in clusters(graph) {
        let indent = match category {
            Some(category) => {
                put(
                    &mut text,
                    format_args!(
                        "  subgraph \"cluster_{category}\" {{\n    label=\"{category}\";\n"
                    ),
                );
                "    "
            }
            None => "  ",
        };
        for node in nodes {
            let shape = match node {
                Node::Segment(_) => "",
                _ => " [shape=ellipse]",
            };
            put(&mut text, format_args!("{indent}\"{node}\"{shape};\n"));
        }
        if category.is_some() {
            text.push_str("  }\n");
        }
    }
    for ((from, to, admin), labels) in arrows(graph) {
        let style = if admin { ", style=dashed" } else { "" };
        put(
            &mut text,
            format_args!(
                "  \"{from}\" -> \"{to}\" [label=\"{}\"{style}];\n",
                labels.join("\\n")
            ),
        );
    }
    text.push_str("}\n");
    text
}

/// A drawing for Mermaid, as Markdown pages of forges show it.
pub fn mermaid(graph: &Graph) -> String {
    let mut text = "flowchart LR\n".to_owned();
    let mut ids: BTreeMap<&Node, String> = BTreeMap::new();
    for (category, nodes) in clusters(graph) {
        if let Some(category) = category {
            put(&mut text, format_args!("  subgraph {category}\n"));
        }
        for node in nodes {
            // Names may be words of Mermaid's own: ids are numbers.
            let id = format!("n{}", ids.len());
            let (open, close) = match node {
                Node::Segment(_) => ("[", "]"),
                _ => ("([", "])"),
            };
            put(&mut text, format_args!("    {id}{open}\"{node}\"{close}\n"));
            ids.insert(node, id);
        }
        if category.is_some() {
            text.push_str("  end\n");
        }
    }
    for ((from, to, admin), labels) in arrows(graph) {
        let arrow = if admin { "-.->" } else { "-->" };
        if let (Some(from), Some(to)) = (ids.get(from), ids.get(to)) {
            put(
                &mut text,
                format_args!("  {from} {arrow}|\"{}\"| {to}\n", labels.join("<br>")),
            );
        }
    }
    text
}

fn put(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _: std::fmt::Result = text.write_fmt(piece);
}

/// The nodes by category; what has none comes first.
fn clusters(graph: &Graph) -> BTreeMap<Option<Category>, BTreeSet<&Node>> {
    let mut clusters: BTreeMap<Option<Category>, BTreeSet<&Node>> = BTreeMap::new();
    for node in graph.links.keys().flat_map(|link| [&link.from, &link.to]) {
        let group = node.segment().and_then(|name| graph.segments.get(name));
        let category = group.and_then(|group| group.category);
        clusters.entry(category).or_default().insert(node);
    }
    clusters
}

/// Two ends and whether the arrow is for administration, with a line for each flow.
fn arrows(graph: &Graph) -> BTreeMap<(&Node, &Node, bool), Vec<String>> {
    let mut arrows: BTreeMap<(&Node, &Node, bool), Vec<String>> = BTreeMap::new();
    for link in graph.links.keys() {
        let admin = link.kind == LinkKind::Admin;
        let label = label(link);
        arrows
            .entry((&link.from, &link.to, admin))
            .or_default()
            .push(label);
    }
    arrows
}

fn label(link: &Link) -> String {
    match link.kind {
        LinkKind::Egress => link.opening(),
        LinkKind::Admin | LinkKind::Service => format!("{} {}", link.service, link.opening()),
    }
}
