//! From a segment to rules.

use std::collections::BTreeSet;

use super::model::{Chain, Line, Policy, Rule, Ruleset};
use super::part::{End, Icmp, Part};
use crate::peers::{Cidr, Family};
use crate::segment::{Category, Direction, Flow, Peer, Port, Proto, Segment, SegmentName};

/// Where clouds have the metadata of an instance, with credentials among them.
const METADATA: [&str; 2] = ["169.254.169.254/32", "fd00:ec2::254/128"];

impl Ruleset {
    /// The rules of an image of this segment; `None` where nothing is stated of it.
    ///
    /// Without a category nothing is known of what the image connects to, and output stays open.
    pub fn of(segment: &Segment) -> Option<Self> {
        Self::compile(segment, segment.category.is_some())
    }

    /// As [`Ruleset::of`], and without a category, too, nothing goes out but what the segment states.
    pub fn closed(segment: &Segment) -> Option<Self> {
        Self::compile(segment, true)
    }

    fn compile(segment: &Segment, is_closed: bool) -> Option<Self> {
        if *segment == Segment::default() {
            return None;
        }
        let inbound: Vec<Flow> = segment
            .inbound()
            .into_iter()
            .filter_map(|flow| behind_gateway(segment, flow))
            .collect();
        let outbound = is_closed.then(|| segment.outbound());
        let mut peers = BTreeSet::new();
        for flow in inbound.iter().chain(outbound.iter().flatten()) {
            if let Peer::Segment(name) = &flow.peer {
                peers.insert(name.clone());
            }
        }
        let forward = Chain {
            hook: "forward",
            policy: Policy::Drop,
            lines: Vec::new(),
        };
        Some(Self {
            peers,
            chains: [input(&inbound), forward, output(outbound.as_deref())],
        })
    }
}

/// A legacy image is reached by its gateway alone, whatever else it states; without one by nobody.
fn behind_gateway(segment: &Segment, flow: Flow) -> Option<Flow> {
    if segment.category != Some(Category::Legacy) {
        return Some(flow);
    }
    let gateway = Peer::Segment(segment.gateway.clone()?);
    (flow.peer == Peer::Any || flow.peer == gateway).then_some(Flow {
        peer: gateway,
        ..flow
    })
}

/// Messages without which addresses and routes do not work, ordered by number (RFC 4890).
const ERRORS_V4: &[Icmp] = &[
    ("destination-unreachable", 3),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
];
const ERRORS_V6: &[Icmp] = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
];
const NEIGHBOURS_IN: &[Icmp] = &[
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
];
const NEIGHBOURS_OUT: &[Icmp] = &[
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("nd-router-solicit", 133),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("mld2-listener-report", 143),
];

fn input(flows: &[Flow]) -> Chain {
    let mut lines = Lines::default();
    lines.rule([Part::tracked()]);
    lines.rule([Part::loopback("iif"), Part::accept()]);
    lines.network("127.0.0.0/8", End::Source, [Part::drop()]);
    lines.network("::1/128", End::Source, [Part::drop()]);
    lines.blank();
    lines.rule([Part::icmp("icmp", ERRORS_V4), Part::accept()]);
    let echo = |protocol, number| Part::icmp(protocol, &[("echo-request", number)]);
    lines.rule([echo("icmp", 8), Part::limit(10, "second"), Part::accept()]);
    lines.rule([Part::icmp("icmpv6", ERRORS_V6), Part::accept()]);
    lines.rule([
        echo("icmpv6", 128),
        Part::limit(10, "second"),
        Part::accept(),
    ]);
    let neighbours = Part::icmp("icmpv6", NEIGHBOURS_IN);
    lines.rule([neighbours, Part::from_link(), Part::accept()]);
    let asked = Part::icmp("icmpv6", &[("mld-listener-query", 130)]);
    lines.network("fe80::/10", End::Source, [asked, Part::accept()]);
    // DHCP: answers to what was sent to all are no part of a connection.
    let [from, to] = [udp(End::Source, 547), udp(End::Destination, 546)];
    lines.network("fe80::/10", End::Source, [from, to, Part::accept()]);
    lines.rule([
        udp(End::Source, 67),
        udp(End::Destination, 68),
        Part::accept(),
    ]);
    lines.blank();
    lines.flows(flows);
    lines.include(Ruleset::INPUT);
    lines.blank();
    lines.rule([Part::limit(10, "minute"), Part::log()]);
    Chain {
        hook: "input",
        policy: Policy::Drop,
        lines: lines.0,
    }
}

fn output(flows: Option<&[Flow]>) -> Chain {
    let mut lines = Lines::default();
    let Some(flows) = flows else {
        lines.blank();
        lines.include(Ruleset::OUTPUT);
        return Chain {
            hook: "output",
            policy: Policy::Accept,
            lines: lines.0,
        };
    };
    lines.rule([Part::tracked()]);
    lines.rule([Part::loopback("oif"), Part::accept()]);
    lines.blank();
    lines.rule([Part::icmp("icmpv6", NEIGHBOURS_OUT), Part::accept()]);
    let [from, to] = [udp(End::Source, 546), udp(End::Destination, 547)];
    let all_servers = "ff02::1:2/128";
    lines.network(all_servers, End::Destination, [from, to, Part::accept()]);
    lines.rule([
        udp(End::Source, 68),
        udp(End::Destination, 67),
        Part::accept(),
    ]);
    lines.blank();
    // Metadata are root's. Some clouds answer DNS at the same address: port 53 is left to `egress`.
    for place in METADATA {
        let http = Part::transport(End::Destination, Proto::Tcp, Port::one(80));
        let parts = [http, Part::of_root(), Part::accept()];
        lines.network(place, End::Destination, parts);
        lines.comment("metadata");
    }
    for place in METADATA {
        let parts = [Part::other_tcp_port(53), Part::drop()];
        lines.network(place, End::Destination, parts);
    }
    lines.blank();
    lines.flows(flows);
    lines.include(Ruleset::OUTPUT);
    lines.blank();
    lines.rule([Part::limit(10, "minute"), Part::log()]);
    Chain {
        hook: "output",
        policy: Policy::Drop,
        lines: lines.0,
    }
}

fn udp(end: End, port: u16) -> Part {
    Part::transport(end, Proto::Udp, Port::one(port))
}

/// Lines of a chain, one after the other; a blank one comes first.
#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn blank(&mut self) {
        self.0.push(Line::Blank);
    }

    fn include(&mut self, directory: &'static str) {
        self.0.push(Line::Include(directory));
    }

    fn rule<const N: usize>(&mut self, parts: [Part; N]) {
        self.add(parts.into(), None);
    }

    fn add(&mut self, parts: Vec<Part>, comment: Option<&str>) {
        if self.0.is_empty() {
            self.blank();
        }
        let comment = comment.map(str::to_owned);
        self.0.push(Line::Rule(Rule { parts, comment }));
    }

    /// Says what the last rule is for.
    fn comment(&mut self, text: &str) {
        if let Some(Line::Rule(rule)) = self.0.last_mut() {
            rule.comment = Some(text.to_owned());
        }
    }

    /// A rule for a network that is written here, and thus is one.
    fn network<const N: usize>(&mut self, network: &str, end: End, parts: [Part; N]) {
        if let Some(network) = Cidr::parse(network) {
            let mut all = vec![Part::network(end, &network)];
            all.extend(parts);
            self.add(all, None);
        }
    }

    /// Lets connections through, each once.
    fn flows(&mut self, flows: &[Flow]) {
        let mut seen: BTreeSet<(&Peer, Proto, Option<Port>)> = BTreeSet::new();
        for flow in flows {
            if !seen.insert((&flow.peer, flow.proto, flow.port)) {
                continue;
            }
            let end = match flow.direction {
                Direction::In => End::Source,
                Direction::Out => End::Destination,
            };
            for place in places(end, &flow.peer) {
                let mut parts: Vec<Part> = place.into_iter().collect();
                parts.push(Part::transport(End::Destination, flow.proto, flow.port));
                parts.push(Part::accept());
                self.add(parts, Some(&flow.service));
            }
        }
    }
}

/// The conditions on addresses by which a peer is told, one rule for each; `None`: any address. What
/// a fleet has in common is somewhere: a template that knows where states the network instead.
fn places(end: End, peer: &Peer) -> Vec<Option<Part>> {
    let segment = |name: &SegmentName| {
        let part = |family| Some(Part::segment(end, family, name));
        Family::ALL.into_iter().map(part).collect()
    };
    match peer {
        Peer::Any | Peer::Infrastructure(_) => vec![None],
        Peer::Net(network) => vec![Some(Part::network(end, network))],
        Peer::Segment(name) => segment(name),
    }
}
