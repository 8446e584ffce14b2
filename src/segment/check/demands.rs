//! What `fleet.toml` demands.

use super::code::Rule;
use super::finding::{Demand, Finding, Spot};
use super::paths::shown;
use crate::segment::graph::{Link, Node};
use crate::segment::member::{Assertion, Fleet, Place};

pub(super) fn check(fleet: &Fleet, found: &mut Vec<Finding>) {
    for (index, assertion) in fleet.charter.deny.iter().enumerate() {
        if let Some(name) = unknown(fleet, assertion) {
            found.push(finding(Demand::Deny, index, name));
        } else if let Some(way) = way(fleet, assertion) {
            let because = because(assertion);
            let message = format!(
                "{} must not reach {}{because}, and does: {way}",
                assertion.from, assertion.to
            );
            found.push(finding(Demand::Deny, index, message));
        }
    }
    for (index, assertion) in fleet.charter.permit.iter().enumerate() {
        if let Some(name) = unknown(fleet, assertion) {
            found.push(finding(Demand::Permit, index, name));
        } else if way(fleet, assertion).is_none() {
            let because = because(assertion);
            let message = format!(
                "{} must reach {}{because}, and does not",
                assertion.from, assertion.to
            );
            found.push(finding(Demand::Permit, index, message));
        }
    }
}

fn finding(demand: Demand, index: usize, message: String) -> Finding {
    Finding {
        spot: Spot::Charter(demand, index),
        rule: Rule::KS118,
        message,
        help: None,
    }
}

fn because(assertion: &Assertion) -> String {
    let mut text = String::new();
    if let Some(proto) = assertion.proto {
        text = format!("{text} by {proto}");
    }
    if let Some(port) = assertion.port {
        text = format!("{text} at port {port}");
    }
    if let Some(reason) = &assertion.reason {
        text = format!("{text} ({reason})");
    }
    text
}

/// A demand about something that is not there would hold for ever.
fn unknown(fleet: &Fleet, assertion: &Assertion) -> Option<String> {
    [&assertion.from, &assertion.to]
        .into_iter()
        .find_map(|place| match place {
            Place::Segment(name) if !fleet.is_known(name) => {
                Some(format!("no template has the segment {name}"))
            }
            Place::Category(_) | Place::Public | Place::Segment(_) => None,
        })
}

/// A way that the assertion speaks of; `None` where there is none.
fn way(fleet: &Fleet, assertion: &Assertion) -> Option<String> {
    let outgoing = fleet.graph.outgoing();
    for start in nodes(fleet, &assertion.from) {
        if !assertion.indirect {
            let links = outgoing.get(&start).into_iter().flatten();
            let link = links.into_iter().find(|link| {
                link.to != start && is_at(fleet, &link.to, &assertion.to) && fits(link, assertion)
            });
            if let Some(link) = link {
                return Some(shown(std::slice::from_ref(link)));
            }
            continue;
        }
        let mut from: Vec<(Node, Vec<Link>)> = vec![(start.clone(), Vec::new())];
        for (name, way) in fleet.graph.blast(&start) {
            from.push((Node::Segment(name), way));
        }
        for (node, way) in from {
            let links = outgoing.get(&node).into_iter().flatten();
            let last = links.into_iter().find(|link| {
                link.to != start && is_at(fleet, &link.to, &assertion.to) && fits(link, assertion)
            });
            if let Some(last) = last {
                let mut way = way;
                way.push((*last).clone());
                return Some(shown(&way));
            }
        }
    }
    None
}

/// Whether the flow is one at the ports and by the transport that the assertion names.
fn fits(link: &Link, assertion: &Assertion) -> bool {
    let port = match (link.port, assertion.port) {
        (Some(a), Some(b)) => a.common(b).is_some(),
        _ => true,
    };
    port && assertion.proto.is_none_or(|proto| proto == link.proto)
}

fn nodes(fleet: &Fleet, place: &Place) -> Vec<Node> {
    match place {
        Place::Public => vec![Node::Public],
        Place::Segment(name) if fleet.charter.outside.contains(name) => {
            vec![Node::Outside(name.clone())]
        }
        Place::Segment(name) => vec![Node::Segment(name.clone())],
        Place::Category(category) => fleet
            .segments
            .keys()
            .filter(|name| fleet.category(name) == Some(*category))
            .map(|name| Node::Segment(name.clone()))
            .collect(),
    }
}

fn is_at(fleet: &Fleet, node: &Node, place: &Place) -> bool {
    match (place, node) {
        (Place::Public, Node::Public) => true,
        (Place::Segment(wanted), Node::Segment(name) | Node::Outside(name)) => wanted == name,
        (Place::Category(category), Node::Segment(name)) => fleet.category(name) == Some(*category),
        _ => false,
    }
}
