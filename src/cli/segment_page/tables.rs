//! Reachability, what falls with what, every flow.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::audit_page::html::{Html, Text, count};
use crate::segment::{Category, Fleet, Group, Link, Node, Port, Proto};

/// Most segments of which the matrix is shown: more is for the CSV.
const MATRIX_MAX: usize = 40;

/// What is open, in the order of transports and ports.
type Openings = BTreeMap<(Proto, Option<Port>), String>;

/// Who reaches whom, directly.
pub(super) fn matrix(page: &mut Html, fleet: &Fleet) {
    let graph = &fleet.graph;
    page.section(
        "reach",
        "Who reaches whom",
        "A line connects, a column accepts; what is open stands in the field.",
    );
    if graph.segments.len() > MATRIX_MAX {
        page.raw(
            "<p class=\"capped\">There are too many segments for a table here: \
             <code>karat segment graph --format csv</code> writes it.</p>\n</section>\n",
        );
        return;
    }
    let mut cells: BTreeMap<(&Node, &Node), Openings> = BTreeMap::new();
    for link in graph.links.keys() {
        cells
            .entry((&link.from, &link.to))
            .or_default()
            .insert((link.proto, link.port), link.opening());
    }
    let from: BTreeSet<&Node> = cells.keys().map(|(from, _)| *from).collect();
    let to: BTreeSet<&Node> = cells.keys().map(|(_, to)| *to).collect();
    page.raw(
        "<div class=\"wide\" role=\"region\" aria-label=\"Who reaches whom\" tabindex=\"0\">\
         <table class=\"matrix\"><caption>Direct flows</caption><thead><tr><th scope=\"col\">from \\ to</th>",
    );
    for node in &to {
        page.put(format_args!(
            "<th scope=\"col\">{}</th>",
            Text(&node.to_string())
        ));
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for start in from {
        page.put(format_args!(
            "<tr><th scope=\"row\">{}</th>",
            Text(&start.to_string())
        ));
        for end in &to {
            match cells.get(&(start, *end)) {
                Some(openings) => {
                    page.raw("<td>");
                    for opening in openings.values() {
                        page.put(format_args!("<code>{}</code>", Text(opening)));
                    }
                    page.raw("</td>");
                }
                None => page.raw("<td class=\"self\">\u{b7}</td>"),
            }
        }
        page.raw("</tr>\n");
    }
    page.end_table();
    page.raw("</section>\n");
}

/// Each segment: its images, and what falls with it.
pub(super) fn segments(page: &mut Html, fleet: &Fleet) {
    page.section(
        "segments",
        "What falls with what",
        "Whoever holds a segment reaches these others, by way of others too: the shortest way to each.",
    );
    page.table(
        "blast",
        "Segments and their blast radius",
        &[
            "Segment",
            "Category",
            "Images",
            "Reached by",
            "Falls with it",
        ],
    );
    for (name, group) in &fleet.graph.segments {
        let node = Node::Segment(name.clone());
        let by: BTreeSet<String> = fleet
            .graph
            .links
            .keys()
            .filter(|link| link.to == node && link.from != node)
            .map(|link| link.from.to_string())
            .collect();
        let by: Vec<String> = by.into_iter().collect();
        let by = if by.is_empty() {
            "nobody".to_owned()
        } else {
            by.join(", ")
        };
        page.put(format_args!(
            "<tr id=\"s-{0}\"><th scope=\"row\">{0}</th><td>{1}</td><td>{2}</td><td>{3}</td><td>",
            Text(name.as_str()),
            badges(group),
            Text(
                &group
                    .images
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Text(&by),
        ));
        let blast = fleet.graph.blast(&node);
        if blast.is_empty() {
            page.raw("nothing else");
        } else {
            let segments = count(
                u64::try_from(blast.len()).unwrap_or(0),
                "segment",
                "segments",
            );
            page.put(format_args!("{segments}<ul class=\"way-list\">"));
            for (target, way) in &blast {
                page.put(format_args!(
                    "<li><b>{}</b> {}</li>",
                    Text(target.as_str()),
                    Text(&shown(way))
                ));
            }
            page.raw("</ul>");
        }
        page.raw("</td></tr>\n");
    }
    page.end_table();
    page.raw("</section>\n");
}

/// Every flow.
pub(super) fn flows(page: &mut Html, fleet: &Fleet) {
    page.section("flows", "Every flow", "");
    page.table(
        "all-flows",
        "Flows that both ends state",
        &["From", "To", "Open", "Service", "Kind"],
    );
    for link in fleet.graph.links.keys() {
        page.put(format_args!(
            "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
            Text(&link.from.to_string()),
            Text(&link.to.to_string()),
            Text(&link.opening()),
            Text(&link.service),
            link.kind.word(),
        ));
    }
    page.end_table();
    page.raw("</section>\n");
}

fn badges(group: &Group) -> String {
    let word = group.category.map_or("none", Category::word);
    format!("<span class=\"badge {word}\">{word}</span>")
}

/// A way by its openings: `by http tcp/8000, api, postgres tcp/5432`.
fn shown(way: &[Link]) -> String {
    let steps: Vec<String> = way
        .iter()
        .map(|link| format!("{} {} to {}", link.service, link.opening(), link.to))
        .collect();
    format!("by {}", steps.join(", then "))
}
