//! `NetworkPolicy` of `networking.k8s.io/v1`: nothing goes in or out of any pod, but what a segment's
//! policy lets. Policies add up, and a flow needs both ends.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ExportError;
use super::addresses::networks;
use super::kubernetes::{Openings, Policies, from, label, protocol, to};
use crate::segment::graph::Node;
use crate::segment::member::{Charter, Fleet};
use crate::segment::peer::Infrastructure;

/// The policies: one that denies everything, one for each segment. All are of the namespace into which
/// they are put, and so are the pods that they let in.
///
/// # Errors
/// A network outside has no addresses; a segment's name is no label.
pub fn network_policies(fleet: &Fleet) -> Result<Policies, ExportError> {
    let mut each = BTreeMap::new();
    let both = json!(["Ingress", "Egress"]);
    each.insert(
        // No segment's name has an underscore.
        "_default-deny".to_owned(),
        object(
            "karat-default-deny",
            &json!({ "podSelector": {}, "policyTypes": both }),
        ),
    );
    for name in fleet.graph.segments.keys() {
        let mut ingress = Vec::new();
        for (node, openings) in to(&fleet.graph, name) {
            ingress.push(rule("from", peers(node, &fleet.charter)?, &openings));
        }
        let mut egress = Vec::new();
        for (node, openings) in from(&fleet.graph, name) {
            egress.push(rule("to", peers(node, &fleet.charter)?, &openings));
        }
        let spec = json!({
            "podSelector": { "matchLabels": label(name)? },
            "policyTypes": both,
            "ingress": ingress,
            "egress": egress,
        });
        each.insert(
            name.to_string(),
            object(&format!("karat-segment-{name}"), &spec),
        );
    }
    Ok(Policies::new(each))
}

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// A rule; without peers it is about everybody.
fn rule(side: &str, peers: Vec<Value>, openings: &Openings) -> Value {
    let ports: Vec<Value> = openings
        .iter()
        .map(|(proto, port)| {
            let mut entry = json!({ "protocol": protocol(*proto) });
            if let (Value::Object(map), Some(port)) = (&mut entry, port) {
                map.insert("port".to_owned(), json!(port.first()));
                if port.last() != port.first() {
                    map.insert("endPort".to_owned(), json!(port.last()));
                }
            }
            entry
        })
        .collect();
    let mut rule = Map::new();
    if !peers.is_empty() {
        rule.insert(side.to_owned(), Value::Array(peers));
    }
    rule.insert("ports".to_owned(), Value::Array(ports));
    Value::Object(rule)
}

fn peers(node: &Node, charter: &Charter) -> Result<Vec<Value>, ExportError> {
    let stated = |word: &str| charter.addresses.get(word).is_some_and(|it| !it.is_empty());
    match node {
        Node::Segment(name) => Ok(vec![
            json!({ "podSelector": { "matchLabels": label(name)? } }),
        ]),
        Node::Public => Ok(Vec::new()),
        // A cluster's own name servers: both selectors in one peer, so that both must fit.
        Node::Infrastructure(Infrastructure::Dns) if !stated("dns") => Ok(vec![json!({
            "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": "kube-system" }
            },
            "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
        })]),
        Node::Infrastructure(it) if !stated(it.word()) => Ok(Vec::new()),
        Node::Infrastructure(_) | Node::Outside(_) | Node::Net(_) => Ok(networks(node, charter)?
            .into_iter()
            .map(|net| json!({ "ipBlock": { "cidr": net.to_string() } }))
            .collect()),
    }
}
