//! From templates to the graph.

use std::collections::BTreeMap;

use super::value::{Graph, Group, Link, LinkKind, Node, Source};
use crate::segment::flow::Flow;
use crate::segment::member::{Charter, Member};
use crate::segment::name::SegmentName;
use crate::segment::peer::{Cidr, Peer};
use crate::segment::port::Port;
use crate::segment::value::{Lifecycle, Statement};

/// Which members each segment has.
type Segments = BTreeMap<SegmentName, Vec<usize>>;
/// What each segment accepts: the member's number and the flow.
type Accepted = BTreeMap<SegmentName, Vec<(usize, Flow)>>;

impl Graph {
    pub(in crate::segment) fn build(
        members: &[Member],
        charter: &Charter,
        segments: &Segments,
    ) -> Self {
        let mut graph = Self::default();
        let mut accepted = Accepted::new();
        for (name, indices) in segments {
            let mut group = Group::default();
            let mut flows = Vec::new();
            for index in indices {
                let Some(member) = members.get(*index) else {
                    continue;
                };
                group.add(member);
                for flow in member.segment.inbound() {
                    graph.accept_from_outside(name, *index, &flow, charter);
                    flows.push((*index, flow));
                }
            }
            graph.segments.insert(name.clone(), group);
            accepted.insert(name.clone(), flows);
        }
        for (name, indices) in segments {
            for index in indices {
                for flow in members
                    .get(*index)
                    .map(|member| member.segment.outbound())
                    .unwrap_or_default()
                {
                    graph.connect(name, *index, &flow, charter, &accepted);
                }
            }
        }
        graph
    }

    /// What somebody outside may connect to: that end states nothing.
    fn accept_from_outside(
        &mut self,
        name: &SegmentName,
        member: usize,
        flow: &Flow,
        charter: &Charter,
    ) {
        let from = match &flow.peer {
            Peer::Any => Node::Public,
            Peer::Net(net) => Node::Net(*net),
            Peer::Segment(peer) if charter.outside.contains(peer) => Node::Outside(peer.clone()),
            Peer::Segment(_) | Peer::Infrastructure(_) => return,
        };
        let link = Link {
            from,
            to: Node::Segment(name.clone()),
            proto: flow.proto,
            port: flow.port,
            service: flow.service.clone(),
            kind: kind(flow),
        };
        let accept = Some((member, flow.statement.clone()));
        self.links
            .entry(link)
            .or_insert(Source { out: None, accept });
    }

    /// What a member connects to, where the other end accepts it or states nothing.
    fn connect(
        &mut self,
        name: &SegmentName,
        member: usize,
        flow: &Flow,
        charter: &Charter,
        accepted: &Accepted,
    ) {
        let outside = match &flow.peer {
            Peer::Any => Some(Node::Public),
            Peer::Infrastructure(it) => Some(Node::Infrastructure(*it)),
            Peer::Net(net) => Some(Node::Net(*net)),
            Peer::Segment(peer) => charter
                .outside
                .contains(peer)
                .then(|| Node::Outside(peer.clone())),
        };
        let out = Some((member, flow.statement.clone()));
        if let Some(to) = outside {
            let link = Link {
                from: Node::Segment(name.clone()),
                to,
                proto: flow.proto,
                port: flow.port,
                service: flow.service.clone(),
                kind: LinkKind::Egress,
            };
            self.links.entry(link).or_insert_with(|| Source {
                out: out.clone(),
                accept: None,
            });
        }
        let mut meet = |target: &SegmentName, flows: &[(usize, Flow)]| {
            for (acceptor, accept) in flows {
                let fits = match &accept.peer {
                    Peer::Any => true,
                    Peer::Segment(peer) => peer == name,
                    Peer::Net(net) => is_at(charter, name.as_str(), &[*net]),
                    Peer::Infrastructure(_) => false,
                };
                if !fits || flow.proto != accept.proto || !meets(flow.port, accept.port) {
                    continue;
                }
                let link = Link {
                    from: Node::Segment(name.clone()),
                    to: Node::Segment(target.clone()),
                    proto: flow.proto,
                    port: common(flow.port, accept.port),
                    service: accept.service.clone(),
                    kind: kind(accept),
                };
                self.links.entry(link).or_insert_with(|| Source {
                    out: out.clone(),
                    accept: Some((*acceptor, accept.statement.clone())),
                });
            }
        };
        match &flow.peer {
            Peer::Segment(peer) => {
                if let Some(flows) = accepted.get(peer) {
                    meet(peer, flows);
                }
            }
            Peer::Any => {
                for (target, flows) in accepted.iter().filter(|(target, _)| *target != name) {
                    meet(target, flows);
                }
            }
            Peer::Net(net) => {
                for (target, flows) in accepted {
                    if is_at(charter, target.as_str(), &[*net]) {
                        meet(target, flows);
                    }
                }
            }
            Peer::Infrastructure(it) => {
                let nets = charter.addresses.get(it.word());
                for (target, flows) in accepted {
                    if is_at(charter, target.as_str(), nets.map_or(&[], Vec::as_slice)) {
                        meet(target, flows);
                    }
                }
            }
        }
    }
}

impl Group {
    fn add(&mut self, member: &Member) {
        let segment = &member.segment;
        self.category = self.category.or(segment.category);
        if self.lifecycle != Some(Lifecycle::Legacy) {
            self.lifecycle = segment.lifecycle.or(self.lifecycle);
        }
        self.data_class = self.data_class.max(segment.data_class);
        self.images.insert(member.image.clone());
    }
}

fn kind(flow: &Flow) -> LinkKind {
    match flow.statement {
        Statement::Key(_) => LinkKind::Admin,
        _ => LinkKind::Service,
    }
}

/// Whether two ends have ports in common; `None` stands for all.
fn meets(a: Option<Port>, b: Option<Port>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.common(b).is_some(),
        _ => true,
    }
}

/// The ports of two ends that [`meets`] lets through.
fn common(a: Option<Port>, b: Option<Port>) -> Option<Port> {
    match (a, b) {
        (Some(a), Some(b)) => a.common(b),
        (one, None) | (None, one) => one,
    }
}

/// Whether something with known addresses has one in these networks.
fn is_at(charter: &Charter, name: &str, nets: &[Cidr]) -> bool {
    let own = charter.addresses.get(name).into_iter().flatten();
    own.into_iter()
        .any(|own| nets.iter().any(|net| net.overlaps(own)))
}
