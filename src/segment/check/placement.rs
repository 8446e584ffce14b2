//! Categories and lifecycles; legacy behind its gateway; support that has ended.

use std::collections::BTreeSet;

use super::code::Rule;
use super::finding::{Finding, Report as _};
use crate::segment::graph::Node;
use crate::segment::member::{Fleet, Member};
use crate::segment::name::SegmentName;
use crate::segment::value::{Category, Lifecycle, Statement};

pub(super) fn check(fleet: &Fleet, day: &str, found: &mut Vec<Finding>) {
    for (index, member) in fleet.members.iter().enumerate() {
        placed(index, member, found);
        supported(index, member, day, found);
    }
    for name in fleet.segments.keys() {
        one_kind(fleet, name, found);
        if fleet.members_of(name).any(|(_, member)| is_legacy(member)) {
            behind_gateway(fleet, name, found);
        }
    }
}

/// A member that is out of date by its own word.
fn is_legacy(member: &Member) -> bool {
    member.segment.category == Some(Category::Legacy)
        || member.segment.lifecycle == Some(Lifecycle::Legacy)
}

fn placed(index: usize, member: &Member, found: &mut Vec<Finding>) {
    let segment = &member.segment;
    match (&segment.category, &segment.name) {
        (Some(category), None) => found.add(
            Rule::KS101,
            index,
            Statement::Key("category"),
            format!("{} is {category} and in no segment", member.image),
            "state segment = \"NAME\" in [segment]",
        ),
        (None, Some(name)) => found.add(
            Rule::KS101,
            index,
            Statement::Key("segment"),
            format!("{} is in {name} and has no category", member.image),
            "state category in [segment]: frontend, internal, data, management or legacy",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let category_is_legacy = segment.category.map(|it| it == Category::Legacy);
    let lifecycle_is_legacy = segment.lifecycle.map(|it| it == Lifecycle::Legacy);
    if let (Some(category), Some(lifecycle)) = (category_is_legacy, lifecycle_is_legacy)
        && category != lifecycle
    {
        found.add(
            Rule::KS107,
            index,
            Statement::Key("lifecycle"),
            format!(
                "{} is of the category {} and its lifecycle is {}",
                member.image,
                segment.category.map_or("", Category::word),
                segment.lifecycle.map_or("", Lifecycle::word),
            ),
            "what is out of date has the category legacy and the lifecycle legacy, and stands apart",
        );
    }
}

fn supported(index: usize, member: &Member, day: &str, found: &mut Vec<Finding>) {
    if let Some(eol) = &member.segment.eol
        && eol.as_str() < day
        && member.segment.lifecycle != Some(Lifecycle::Legacy)
    {
        found.add(
            Rule::KS117,
            index,
            Statement::Key("eol"),
            format!("support of {} ended on {eol}", member.image),
            "move it to a supported release, or make it legacy: lifecycle, category and a gateway",
        );
    }
}

/// The images of a segment are of one category and one lifecycle.
fn one_kind(fleet: &Fleet, name: &SegmentName, found: &mut Vec<Finding>) {
    let mut members = fleet.members_of(name);
    let Some((_, first)) = members.next() else {
        return;
    };
    for (index, member) in members {
        let (a, b) = (&first.segment, &member.segment);
        if a.category != b.category {
            found.add(
                Rule::KS107,
                index,
                Statement::Key("category"),
                format!(
                    "{name} has images of two categories: {} is {}, {} is {}",
                    first.image,
                    a.category.map_or("none", Category::word),
                    member.image,
                    b.category.map_or("none", Category::word),
                ),
                "give one of them a segment of its own",
            );
        } else if is_legacy(first) != is_legacy(member) {
            found.add(
                Rule::KS107,
                index,
                Statement::Key("lifecycle"),
                format!(
                    "{name} mixes what is current with what is legacy: {} and {}",
                    first.image, member.image
                ),
                "give what is legacy a segment of its own, behind a gateway",
            );
        }
    }
}

/// One gateway, and every flow to the segment comes from it.
fn behind_gateway(fleet: &Fleet, name: &SegmentName, found: &mut Vec<Finding>) {
    let gateways: BTreeSet<&SegmentName> = fleet
        .members_of(name)
        .filter_map(|(_, member)| member.segment.gateway.as_ref())
        .collect();
    let mut gateways = gateways.into_iter();
    let gateway = gateways.next();
    for (index, member) in fleet.members_of(name) {
        if !is_legacy(member) {
            continue;
        }
        match &member.segment.gateway {
            None => found.add(
                Rule::KS108,
                index,
                Statement::Key("category"),
                format!("{} is legacy and has no gateway", member.image),
                "state gateway = \"SEGMENT\": the one segment that reaches it",
            ),
            Some(stated) if Some(stated) != gateway => found.add(
                Rule::KS108,
                index,
                Statement::Key("gateway"),
                format!("{name} has two gateways"),
                "a legacy segment has one; give these images segments of their own",
            ),
            Some(stated) => {
                if fleet
                    .members_of(stated)
                    .any(|(_, member)| is_legacy(member))
                {
                    found.add(
                        Rule::KS108,
                        index,
                        Statement::Key("gateway"),
                        format!("the gateway {stated} is legacy itself"),
                        "a gateway is kept up to date: put a current image there",
                    );
                }
            }
        }
    }
    for (link, source) in &fleet.graph.links {
        let past = match &link.from {
            Node::Segment(from) | Node::Outside(from) => Some(from) != gateway && from != name,
            Node::Public | Node::Net(_) | Node::Infrastructure(_) => true,
        };
        if link.to.segment() == Some(name)
            && past
            && let Some((index, statement)) = &source.accept
        {
            found.add(
                Rule::KS108,
                *index,
                statement.clone(),
                format!(
                    "{} reaches {name} by {} ({}), past its gateway",
                    link.from,
                    link.service,
                    link.opening()
                ),
                "let the gateway alone in; what others need goes through it",
            );
        }
    }
}
