//! `CiliumNetworkPolicy` of `cilium.io/v2`. An endpoint denies by default in each direction in which a
//! policy selects it, and every policy here says both.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ExportError;
use super::addresses::networks;
use super::kubernetes::{Openings, Policies, from, label, protocol, to};
use crate::segment::graph::Node;
use crate::segment::member::{Charter, Fleet};
use crate::segment::peer::Infrastructure;

/// Most ports of one list: `maxItems` of `toPorts[].ports` in the custom resource definition.
const PORTS_MAX: usize = 40;

/// The policies: one for each segment.
///
/// # Errors
/// A network outside has no addresses; a segment's name is no label.
pub fn cilium(fleet: &Fleet) -> Result<Policies, ExportError> {
    let mut each = BTreeMap::new();
    for name in fleet.graph.segments.keys() {
        let mut ingress = Vec::new();
        for (node, openings) in to(&fleet.graph, name) {
            ingress.push(rule("from", node, &fleet.charter, &openings)?);
        }
        let mut egress = Vec::new();
        for (node, openings) in from(&fleet.graph, name) {
            egress.push(rule("to", node, &fleet.charter, &openings)?);
        }
        for rules in [&mut ingress, &mut egress] {
            if rules.is_empty() {
                // A rule that lets nobody in, so that there is one.
                rules.push(json!({}));
            }
        }
        each.insert(
            name.to_string(),
            json!({
                "apiVersion": "cilium.io/v2",
                "kind": "CiliumNetworkPolicy",
                "metadata": { "name": format!("karat-segment-{name}") },
                "spec": {
                    "description": format!("karat segment {name}"),
                    "enableDefaultDeny": { "egress": true, "ingress": true },
                    "endpointSelector": { "matchLabels": label(name)? },
                    "ingress": ingress,
                    "egress": egress,
                },
            }),
        );
    }
    Ok(Policies::new(each))
}

fn rule(
    side: &str,
    node: &Node,
    charter: &Charter,
    openings: &Openings,
) -> Result<Value, ExportError> {
    let (key, peers) = peers(node, charter)?;
    let ports: Vec<Value> = openings
        .iter()
        .map(|(proto, port)| {
            let first = port.map_or(0, crate::segment::Port::first);
            let mut entry = json!({ "port": first.to_string(), "protocol": protocol(*proto) });
            if let (Value::Object(map), Some(port)) = (&mut entry, port)
                && port.last() != port.first()
            {
                map.insert("endPort".to_owned(), json!(port.last()));
            }
            entry
        })
        .collect();
    let mut rule = Map::new();
    rule.insert(format!("{side}{key}"), Value::Array(peers));
    let lists = ports
        .chunks(PORTS_MAX)
        .map(|ports| json!({ "ports": ports }));
    rule.insert("toPorts".to_owned(), lists.collect());
    Ok(Value::Object(rule))
}

/// The kind of a peer, as the end of its key, and the peers.
fn peers(node: &Node, charter: &Charter) -> Result<(&'static str, Vec<Value>), ExportError> {
    let stated = |word: &str| charter.addresses.get(word).is_some_and(|it| !it.is_empty());
    match node {
        Node::Segment(name) => Ok(("Endpoints", vec![json!({ "matchLabels": label(name)? })])),
        Node::Public => Ok(("Entities", vec![json!("all")])),
        Node::Infrastructure(Infrastructure::Dns) if !stated("dns") => Ok((
            "Endpoints",
            vec![json!({
                "matchLabels": {
                    "k8s:io.kubernetes.pod.namespace": "kube-system",
                    "k8s:k8s-app": "kube-dns",
                }
            })],
        )),
        Node::Infrastructure(it) if !stated(it.word()) => Ok(("Entities", vec![json!("all")])),
        Node::Infrastructure(_) | Node::Outside(_) | Node::Net(_) => {
            let nets = networks(node, charter)?;
            let nets = nets.into_iter().map(|net| json!(net.to_string()));
            Ok(("CIDR", nets.collect()))
        }
    }
}
