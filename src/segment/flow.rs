//! What one image lets in and out: what its ruleset is compiled from, and what a fleet's graph is
//! put together from.

use super::name::{SegmentName, ServiceName, UnitName};
use super::peer::{Audience, Peer};
use super::port::{Port, Proto};
use super::value::{Segment, Statement};

/// Where sshd listens.
pub const SSH_PORT: u16 = 22;

/// Connections that an image accepts, or makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Who begins.
    pub direction: Direction,
    /// The other end.
    pub peer: Peer,
    /// By which transport.
    pub proto: Proto,
    /// To which ports; `None`: to all.
    pub port: Option<Port>,
    /// What it is for: the name of a service, `ssh`, or what an egress is to.
    pub service: String,
    /// The unit at this image's end.
    pub unit: Option<UnitName>,
    /// What states it.
    pub statement: Statement,
}

/// Who begins a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The other end.
    In,
    /// This image.
    Out,
}

impl Segment {
    /// What the image lets in, in the order in which it is stated; SSH is the last.
    pub fn inbound(&self) -> Vec<Flow> {
        let mut flows = Vec::new();
        for (index, it) in self.provides.iter().enumerate() {
            for peer in self.audience(&it.audience) {
                flows.push(Flow {
                    direction: Direction::In,
                    peer,
                    proto: it.proto,
                    port: Some(it.port),
                    service: it.name.to_string(),
                    unit: it.unit.clone(),
                    statement: Statement::Provides(index),
                });
            }
        }
        let admins: Vec<Peer> = match &self.admin_from {
            None => vec![Peer::Any],
            Some(names) => names.iter().cloned().map(Peer::Segment).collect(),
        };
        for peer in admins {
            flows.push(Flow {
                direction: Direction::In,
                peer,
                proto: Proto::Tcp,
                port: Port::one(SSH_PORT),
                service: "ssh".to_owned(),
                unit: UnitName::new("ssh.service"),
                statement: Statement::Key("admin_from"),
            });
        }
        flows
    }

    /// What the image connects to, in the order in which it is stated.
    pub fn outbound(&self) -> Vec<Flow> {
        let mut flows = Vec::new();
        for (index, it) in self.consumes.iter().enumerate() {
            flows.push(Flow {
                direction: Direction::Out,
                peer: Peer::Segment(it.segment.clone()),
                proto: it.proto,
                port: Some(it.port),
                service: it.service.to_string(),
                unit: it.unit.clone(),
                statement: Statement::Consumes(index),
            });
        }
        for (index, it) in self.egress.iter().enumerate() {
            for (proto, port) in it.openings() {
                flows.push(Flow {
                    direction: Direction::Out,
                    peer: it.to.clone(),
                    proto,
                    port,
                    service: it.to.to_string(),
                    unit: it.unit.clone(),
                    statement: Statement::Egress(index),
                });
            }
        }
        flows
    }

    /// The peers that an audience is.
    fn audience(&self, audience: &Audience) -> Vec<Peer> {
        match audience {
            Audience::Public => vec![Peer::Any],
            Audience::Own => self.name.iter().cloned().map(Peer::Segment).collect(),
            Audience::Segments(names) => names.iter().cloned().map(Peer::Segment).collect(),
        }
    }
}

impl Audience {
    /// Whether instances of `consumer` may use a service of `provider` with this audience.
    pub fn includes(&self, consumer: &SegmentName, provider: &SegmentName) -> bool {
        match self {
            Self::Public => true,
            Self::Own => consumer == provider,
            Self::Segments(names) => names.contains(consumer),
        }
    }
}

impl ServiceName {
    /// Whether it is what `admin_from` offers.
    pub fn is_ssh(&self) -> bool {
        self.as_str() == "ssh"
    }
}
