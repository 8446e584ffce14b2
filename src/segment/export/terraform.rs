//! AWS security groups as Terraform's JSON syntax: a group for each segment, a resource of its own for
//! each rule and network. Rules inside of groups would be overwritten by such resources, and groups that
//! name each other need them.

use serde_json::{Map, Value, json};

use super::ExportError;
use super::addresses::networks;
use crate::segment::graph::{Link, Node};
use crate::segment::member::Fleet;
use crate::segment::name::SegmentName;

/// The document: what `*.tf.json` holds.
///
/// # Errors
/// A network outside has no addresses.
pub fn terraform_aws(fleet: &Fleet) -> Result<Value, ExportError> {
    let mut groups = Map::new();
    for (name, group) in &fleet.graph.segments {
        let category = group
            .category
            .map_or("none", crate::segment::Category::word);
        groups.insert(
            id(name.as_str()),
            json!({
                "name": format!("karat-{name}"),
                "description": format!("karat segment {name}, category {category}"),
                "vpc_id": "${var.vpc_id}",
                "tags": { "karat-category": category, "karat-segment": name.to_string() },
            }),
        );
    }
    let mut ingress = Map::new();
    let mut egress = Map::new();
    for link in fleet.graph.links.keys() {
        if let Some(to) = link.to.segment() {
            rules(&mut ingress, fleet, link, to, &link.from)?;
        }
        if let Some(from) = link.from.segment() {
            rules(&mut egress, fleet, link, from, &link.to)?;
        }
    }
    let mut resources = Map::new();
    for (kind, entries) in [
        ("aws_security_group", groups),
        ("aws_vpc_security_group_egress_rule", egress),
        ("aws_vpc_security_group_ingress_rule", ingress),
    ] {
        if !entries.is_empty() {
            resources.insert(kind.to_owned(), Value::Object(entries));
        }
    }
    Ok(json!({
        "resource": resources,
        "terraform": {
            "required_providers": {
                "aws": { "source": "hashicorp/aws", "version": ">= 5.0" }
            }
        },
        "variable": {
            "vpc_id": { "description": "Where the security groups are", "type": "string" }
        },
    }))
}

/// The rules of one flow at the end that `own` is.
fn rules(
    rules: &mut Map<String, Value>,
    fleet: &Fleet,
    link: &Link,
    own: &SegmentName,
    other: &Node,
) -> Result<(), ExportError> {
    let mut others: Vec<(String, &str, String)> = Vec::new();
    if let Some(name) = other.segment() {
        let group = format!("${{aws_security_group.{}.id}}", id(name.as_str()));
        others.push((name.to_string(), "referenced_security_group_id", group));
    } else {
        for net in networks(other, &fleet.charter)? {
            let key = if net.is_v4() {
                "cidr_ipv4"
            } else {
                "cidr_ipv6"
            };
            others.push((format!("{other}-{net}"), key, net.to_string()));
        }
    }
    let (first, last) = match link.port {
        Some(port) => (port.first(), port.last()),
        None => (0, u16::MAX),
    };
    for (name, key, value) in others {
        let mut rule = json!({
            "security_group_id": format!("${{aws_security_group.{}.id}}", id(own.as_str())),
            "description": format!("{}: {} to {}", link.service, link.from, link.to),
            "ip_protocol": link.proto.word(),
            "from_port": first,
            "to_port": last,
        });
        if let Value::Object(map) = &mut rule {
            map.insert(key.to_owned(), Value::String(value));
        }
        let opening = link.opening();
        let base = id(&format!("{own}-{}-{opening}-{name}", link.service));
        // Different names may become one id: a rule must not take the place of another.
        let mut key = base.clone();
        let mut number = 2_u32;
        while rules.contains_key(&key) {
            key = format!("{base}-{number}");
            number = number.saturating_add(1);
        }
        rules.insert(key, rule);
    }
    Ok(())
}

/// A name as Terraform takes it: letters, digits, `_`, `-`, and no digit first. A dot becomes `_`, which
/// no segment's name has, so that two segments never become one.
fn id(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => character,
            _ => '_',
        })
        .collect();
    if plain.starts_with(|first: char| first.is_ascii_alphabetic()) {
        plain
    } else {
        format!("_{plain}")
    }
}
