//! Both ends of a flow say the same, and nothing is open for nobody.

use super::code::Rule;
use super::finding::{Finding, Report as _};
use crate::segment::flow::SSH_PORT;
use crate::segment::member::{Fleet, Member};
use crate::segment::name::SegmentName;
use crate::segment::peer::{Audience, Peer};
use crate::segment::port::{Port, Proto};
use crate::segment::value::{Consumes, Statement};

pub(super) fn check(fleet: &Fleet, found: &mut Vec<Finding>) {
    for (index, member) in fleet.members.iter().enumerate() {
        names(fleet, index, member, found);
        let Some(own) = &member.segment.name else {
            continue;
        };
        for (number, it) in member.segment.consumes.iter().enumerate() {
            if fleet.segments.contains_key(&it.segment) {
                consumed(fleet, own, index, number, it, found);
            }
        }
        unused(fleet, own, index, member, found);
    }
}

/// Every name leads somewhere.
fn names(fleet: &Fleet, index: usize, member: &Member, found: &mut Vec<Finding>) {
    let segment = &member.segment;
    let mut named: Vec<(&SegmentName, Statement)> = Vec::new();
    for (number, it) in segment.provides.iter().enumerate() {
        if let Audience::Segments(names) = &it.audience {
            named.extend(names.iter().map(|name| (name, Statement::Provides(number))));
        }
    }
    for (number, it) in segment.consumes.iter().enumerate() {
        named.push((&it.segment, Statement::Consumes(number)));
    }
    for (number, it) in segment.egress.iter().enumerate() {
        if let Peer::Segment(name) = &it.to {
            named.push((name, Statement::Egress(number)));
        }
    }
    let admins = segment.admin_from.iter().flatten();
    named.extend(admins.map(|name| (name, Statement::Key("admin_from"))));
    let gateway = segment.gateway.iter();
    named.extend(gateway.map(|name| (name, Statement::Key("gateway"))));
    for (name, statement) in named {
        if !fleet.is_known(name) {
            found.add(
                Rule::KS102,
                index,
                statement,
                format!("no template has the segment {name}"),
                "check its template together with these, or name it under outside in fleet.toml",
            );
        }
    }
}

/// What a consumer wants, its provider offers to it.
fn consumed(
    fleet: &Fleet,
    own: &SegmentName,
    index: usize,
    number: usize,
    it: &Consumes,
    found: &mut Vec<Finding>,
) {
    let statement = Statement::Consumes(number);
    if it.service.is_ssh() {
        let named = |member: &Member| match &member.segment.admin_from {
            None => true,
            Some(names) => names.contains(own),
        };
        if Port::one(SSH_PORT) != Some(it.port) || it.proto != Proto::Tcp {
            found.add(
                Rule::KS104,
                index,
                statement,
                format!("ssh is tcp/{SSH_PORT}, not {}/{}", it.proto, it.port),
                "a server at another port is a service of its own: provide it by another name",
            );
        } else if !fleet
            .members_of(&it.segment)
            .any(|(_, member)| named(member))
        {
            found.add(
                Rule::KS105,
                index,
                statement,
                format!("admin_from of {} does not name {own}", it.segment),
                "name it there, or remove this",
            );
        }
        return;
    }
    let offers: Vec<_> = fleet
        .members_of(&it.segment)
        .flat_map(|(_, member)| &member.segment.provides)
        .filter(|offer| offer.name == it.service)
        .collect();
    if offers.is_empty() {
        let mut others: Vec<&str> = fleet
            .members_of(&it.segment)
            .flat_map(|(_, member)| &member.segment.provides)
            .map(|offer| offer.name.as_str())
            .collect();
        others.sort_unstable();
        others.dedup();
        let has = match others.as_slice() {
            [] => "it provides nothing".to_owned(),
            names => format!("it provides {}", names.join(", ")),
        };
        found.add(
            Rule::KS103,
            index,
            statement,
            format!("{} provides no {}: {has}", it.segment, it.service),
            "state it there in [[segment.provides]], or correct the name",
        );
        return;
    }
    let same_place = |offer: &&&crate::segment::value::Provides| {
        offer.proto == it.proto && offer.port.contains(it.port)
    };
    let fitting: Vec<_> = offers.iter().filter(same_place).collect();
    if fitting.is_empty() {
        let places: Vec<String> = offers
            .iter()
            .map(|offer| format!("{}/{}", offer.proto, offer.port))
            .collect();
        found.add(
            Rule::KS104,
            index,
            statement,
            format!(
                "{} of {} is at {}, not at {}/{}",
                it.service,
                it.segment,
                places.join(" and "),
                it.proto,
                it.port
            ),
            "state the same port and transport at both ends",
        );
    } else if !fitting
        .iter()
        .any(|offer| offer.audience.includes(own, &it.segment))
    {
        found.add(
            Rule::KS105,
            index,
            statement,
            format!("{} of {} is not offered to {own}", it.service, it.segment),
            "add it to the audience there, or remove this",
        );
    }
}

/// What is offered to a segment, that segment uses.
fn unused(
    fleet: &Fleet,
    own: &SegmentName,
    index: usize,
    member: &Member,
    found: &mut Vec<Finding>,
) {
    let uses = |consumer: &SegmentName, ssh: bool, port: Port, proto: Proto, name: &str| {
        fleet.members_of(consumer).any(|(_, member)| {
            member.segment.consumes.iter().any(|it| {
                it.segment == *own
                    && it.service.is_ssh() == ssh
                    && it.service.as_str() == name
                    && it.proto == proto
                    && port.contains(it.port)
            }) || member.segment.egress.iter().any(|it| {
                it.to == Peer::Segment(own.clone())
                    && it.openings().iter().any(|(with, at)| {
                        *with == proto && at.is_none_or(|at| at.common(port).is_some())
                    })
            })
        })
    };
    for (number, it) in member.segment.provides.iter().enumerate() {
        let audience: &[SegmentName] = match &it.audience {
            Audience::Public => &[],
            Audience::Own => std::slice::from_ref(own),
            Audience::Segments(names) => names,
        };
        for consumer in audience {
            // What is outside states nothing.
            if fleet.segments.contains_key(consumer)
                && !uses(consumer, false, it.port, it.proto, it.name.as_str())
            {
                found.add(
                    Rule::KS106,
                    index,
                    Statement::Provides(number),
                    format!("{consumer} may use {} and does not", it.name),
                    "remove it from the audience, or state it there in [[segment.consumes]]",
                );
            }
        }
    }
    let Some(ssh) = Port::one(SSH_PORT) else {
        return;
    };
    for consumer in member.segment.admin_from.iter().flatten() {
        if fleet.segments.contains_key(consumer) && !uses(consumer, true, ssh, Proto::Tcp, "ssh") {
            found.add(
                Rule::KS106,
                index,
                Statement::Key("admin_from"),
                format!("{consumer} may reach SSH and does not"),
                "remove it from admin_from, or state service = \"ssh\" there in [[segment.consumes]]",
            );
        }
    }
}
