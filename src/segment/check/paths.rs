//! What no way may lead to.

use super::code::Rule;
use super::finding::{Finding, Report as _};
use crate::segment::graph::{Graph, Link, Node};
use crate::segment::member::Fleet;
use crate::segment::name::SegmentName;
use crate::segment::peer::Audience;
use crate::segment::value::{Category, Statement};

pub(super) fn check(fleet: &Fleet, found: &mut Vec<Finding>) {
    data(fleet, found);
    management(fleet, found);
    for (index, member) in fleet.members.iter().enumerate() {
        let segment = &member.segment;
        let Some(category) = segment.category else {
            continue;
        };
        for (number, it) in segment.provides.iter().enumerate() {
            if it.audience == Audience::Public && category != Category::Frontend {
                found.add(
                    Rule::KS110,
                    index,
                    Statement::Provides(number),
                    format!("{} is public, and {} is {category}", it.name, member.image),
                    "offer it to named segments, or put a front end before it",
                );
            }
        }
        if segment.admin_from.is_none() {
            found.add(
                Rule::KS112,
                index,
                Statement::Table,
                format!("anybody may reach SSH of {}", member.image),
                "state admin_from = [\"SEGMENT\"] in [segment], or [] for nobody",
            );
        }
    }
}

/// Between a front end, or the outside, and data stands something internal.
fn data(fleet: &Fleet, found: &mut Vec<Finding>) {
    let of = |name: &SegmentName, category| fleet.category(name) == Some(category);
    let fronts = fleet
        .segments
        .keys()
        .filter(|name| of(name, Category::Frontend))
        .map(|name| Node::Segment(name.clone()));
    let outgoing = fleet.graph.outgoing();
    // Management has a rule of its own, and is how people reach data.
    let through = |name: &SegmentName| {
        !of(name, Category::Internal)
            && !of(name, Category::Data)
            && !of(name, Category::Management)
    };
    for start in std::iter::once(Node::Public).chain(fronts) {
        for (target, way) in Graph::blast_through(&start, &outgoing, &through) {
            // What lies behind a front end is that front end's own finding.
            let passes_front = start == Node::Public && way.len() > 1;
            let Some(last) = way
                .last()
                .filter(|_| of(&target, Category::Data) && !passes_front)
            else {
                continue;
            };
            let Some(source) = fleet.graph.links.get(last) else {
                continue;
            };
            if let Some((index, statement)) = source.accept.as_ref().or(source.out.as_ref()) {
                found.add(
                    Rule::KS109,
                    *index,
                    statement.clone(),
                    format!(
                        "{start} reaches data without an internal hop: {}",
                        shown(&way)
                    ),
                    "let an internal service stand between them, and open data to that one alone",
                );
            }
        }
    }
}

/// Only management reaches management.
fn management(fleet: &Fleet, found: &mut Vec<Finding>) {
    for (link, source) in &fleet.graph.links {
        let Some(to) = link.to.segment() else {
            continue;
        };
        if fleet.category(to) != Some(Category::Management) {
            continue;
        }
        let foreign = match &link.from {
            Node::Segment(from) => fleet.category(from) != Some(Category::Management),
            Node::Public => true,
            // Named in fleet.toml: where administrators sit.
            Node::Outside(_) | Node::Net(_) | Node::Infrastructure(_) => false,
        };
        // An absent admin_from has a rule of its own.
        let told = source.accept.as_ref().is_some_and(|(index, statement)| {
            let member = fleet.members.get(*index);
            *statement == Statement::Key("admin_from")
                && member.is_some_and(|member| member.segment.admin_from.is_none())
        });
        if foreign
            && !told
            && let Some((index, statement)) = &source.accept
        {
            found.add(
                Rule::KS111,
                *index,
                statement.clone(),
                format!(
                    "{} reaches management by {}",
                    link.from,
                    shown(std::slice::from_ref(link))
                ),
                "management connects to others, not the other way round: remove it from the audience",
            );
        }
    }
}

/// A way, as in `web -> api (http, tcp/8000) -> postgres (postgres, tcp/5432)`.
pub(super) fn shown(way: &[Link]) -> String {
    let mut text = way
        .first()
        .map(|link| link.from.to_string())
        .unwrap_or_default();
    for link in way {
        text = format!(
            "{text} -> {} ({}, {})",
            link.to,
            link.service,
            link.opening()
        );
    }
    text
}
