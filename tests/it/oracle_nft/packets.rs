//! Every flow between namespaces with the rulesets of all categories, tried with real packets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use karat::peers::{Cidr, Peers};
use karat::segment::{Direction, Flow, Peer, Proto, Ruleset, Segment, SegmentName};
use serde_json::{Value, json};

use super::{legacy, shipped};
use crate::support::{Judge, Scratch, judge, skip};

/// Ports that are tried: those of the services, those of the fleet's infrastructure, and one of nobody's.
const PORTS: [u16; 11] = [21, 22, 53, 80, 123, 443, 5432, 6514, 8000, 8063, 9999];
/// Where clouds have metadata, and some of them DNS.
const METADATA: [&str; 2] = ["169.254.169.254", "fd00:ec2::254"];
/// An account that is not root.
const NOBODY: u32 = 65534;

struct Host {
    name: String,
    segment: Option<Segment>,
    addresses: [String; 2],
}

impl Host {
    /// Whether it lets this through at its own end.
    fn lets(&self, direction: Direction, other: &Self, proto: Proto, port: u16) -> bool {
        let Some(segment) = &self.segment else {
            return true;
        };
        let flows = match direction {
            Direction::In => segment.inbound(),
            Direction::Out => segment.outbound(),
        };
        let gateway = segment.gateway.as_ref().map(SegmentName::as_str);
        if direction == Direction::In && gateway.is_some_and(|gateway| gateway != other.name) {
            return false;
        }
        flows.iter().any(|flow| is_of(flow, other, proto, port))
    }
}

fn is_of(flow: &Flow, other: &Host, proto: Proto, port: u16) -> bool {
    let is_peer = match &flow.peer {
        Peer::Any | Peer::Infrastructure(_) => true,
        Peer::Net(net) => net.to_string() == "10.9.0.0/16",
        Peer::Segment(name) => name.as_str() == other.name,
    };
    let ports = flow.port;
    is_peer
        && flow.proto == proto
        && ports.is_none_or(|ports| ports.first() <= port && port <= ports.last())
}

#[test]
fn every_allowed_flow_passes_and_every_other_is_dropped() {
    let judges: Option<Vec<Judge>> = ["nft", "unshare", "nsenter", "ip", "python3"]
        .into_iter()
        .map(judge)
        .collect();
    let Some(judges) = judges else { return };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root for network namespaces");
    }
    let mut segments: BTreeMap<String, Option<Segment>> = shipped()
        .into_iter()
        .map(|(name, segment)| (name.to_string(), Some(segment)))
        .collect();
    for segment in legacy() {
        segments.insert(segment.name.clone().unwrap().to_string(), Some(segment));
    }
    // Where administrators sit, and everybody else: no packet filter of ours.
    segments.insert("office".to_owned(), None);
    segments.insert("outside".to_owned(), None);
    let hosts: Vec<Host> = segments
        .into_iter()
        .enumerate()
        .map(|(at, (name, segment))| Host {
            name,
            segment,
            addresses: [format!("10.9.{}.1", at + 1), format!("fd09::{}", at + 1)],
        })
        .collect();

    let ports: Vec<(Proto, u16)> = PORTS
        .iter()
        .flat_map(|port| [(Proto::Tcp, *port), (Proto::Udp, *port)])
        .collect();
    let mut probes = Vec::new();
    for from in &hosts {
        for to in hosts.iter().filter(|to| to.name != from.name) {
            for (proto, port) in &ports {
                let passes = from.lets(Direction::Out, to, *proto, *port)
                    && to.lets(Direction::In, from, *proto, *port);
                for (at, address) in to.addresses.iter().enumerate() {
                    // The one network of a template is of IPv4.
                    let by_net = at == 1 && from.name == "legacy-gate" && *port == 9999;
                    probes.push(json!([
                        from.name,
                        address,
                        proto.word(),
                        port,
                        passes && !by_net,
                        0
                    ]));
                }
            }
        }
    }
    // Metadata are root's; DNS at that address is let out by `egress`.
    for address in METADATA {
        for (uid, port, passes) in [
            (0, 80, true),
            (NOBODY, 80, false),
            (0, 443, false),
            (NOBODY, 443, false),
            (NOBODY, 53, true),
        ] {
            probes.push(json!(["api", address, "tcp", port, passes, uid]));
        }
    }
    // Whoever was let in stays while rules are loaded again; nobody new comes in while sets are empty.
    let address = |name: &str, at: usize| {
        let host = hosts.iter().find(|host| host.name == name);
        host.unwrap().addresses[at].clone()
    };
    let held = json!([
        ["outside", "web", address("web", 0), 443],
        ["bastion", "web", address("web", 1), 22],
        ["web", "api", address("api", 0), 8000],
    ]);
    let emptied = json!([
        ["outside", address("web", 0), "tcp", 443, true, 0],
        ["bastion", address("web", 1), "tcp", 22, false, 0],
        ["web", address("api", 0), "tcp", 8000, false, 0],
    ]);
    let specs: Vec<Value> = hosts.iter().map(|host| spec(host, &hosts)).collect();
    let plan = json!({
        "hosts": specs,
        "ports": ports.iter().map(|(proto, port)| json!([proto.word(), port])).collect::<Vec<_>>(),
        "probes": probes,
        "held": held,
        "emptied": emptied,
    });

    let scratch = Scratch::new("packets");
    fs::write(scratch.join("packets.py"), include_str!("packets.py")).unwrap();
    fs::write(scratch.join("plan.json"), plan.to_string()).unwrap();
    let mut command = judges[1].command();
    command.arg("--net");
    command.arg(judges[4].command().get_program());
    command
        .arg(scratch.join("packets.py"))
        .arg(scratch.join("plan.json"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    judge_answers(&probes, &answer["answered"]);
    judge_answers(emptied.as_array().unwrap(), &answer["emptied"]);
    let held = answer["held"].as_array().unwrap();
    assert_eq!(held.len(), 3);
    for words in held {
        assert_eq!(*words, json!(["connected", "before", "after"]));
    }
}

/// The host's ruleset as its image has it, and the sets as a document of peers fills them.
fn spec(host: &Host, hosts: &[Host]) -> Value {
    let mut also = Vec::new();
    let mut routes = Vec::new();
    if host.name == "outside" {
        also.extend(METADATA);
    } else {
        routes.extend(METADATA);
    }
    let mut spec =
        json!({"name": host.name, "addresses": host.addresses, "also": also, "routes": routes});
    if let Some(ruleset) = host.segment.as_ref().and_then(Ruleset::of) {
        let mut sets: Vec<(String, Vec<Cidr>)> = Vec::new();
        for name in ruleset.peers() {
            let found = hosts.iter().find(|host| host.name == name.as_str());
            let networks = found.map(|host| {
                let networks = host.addresses.iter();
                networks.map(|it| Cidr::parse(it).unwrap()).collect()
            });
            sets.push((name.to_string(), networks.unwrap_or_default()));
        }
        let peers = Peers {
            expires: None,
            segment: host.name.clone(),
            serial: karat::baseline::Serial::new(1).unwrap(),
            sets,
        };
        peers.to_signed().unwrap();
        let rules = ruleset.listing().unwrap();
        spec["ruleset"] = json!(ruleset.to_text());
        spec["commands"] = json!(Peers::commands(Some(&peers), &rules));
    }
    spec
}

fn judge_answers(probes: &[Value], answered: &Value) {
    let answered: BTreeSet<u64> = serde_json::from_value(answered.clone()).unwrap();
    let mut wrong = Vec::new();
    let (mut passed, mut dropped) = (0, 0);
    for (number, probe) in probes.iter().enumerate() {
        let expected = probe[4].as_bool().unwrap();
        if answered.contains(&u64::try_from(number).unwrap()) != expected {
            wrong.push(format!("{probe}: not as expected"));
        } else if expected {
            passed += 1;
        } else {
            dropped += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        passed > 0 && dropped > 0,
        "{passed} passed, {dropped} dropped"
    );
}
