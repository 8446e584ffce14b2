//! The graph as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::segment::name::SegmentName;
use crate::segment::peer::{Cidr, Infrastructure};
use crate::segment::port::{Port, Proto};
use crate::segment::value::{Category, DataClass, Lifecycle, Statement};

/// What may reach what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The segments.
    pub segments: BTreeMap<SegmentName, Group>,
    /// The flows, with what states each end.
    pub links: BTreeMap<Link, Source>,
}

/// A segment: the images that share its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// What kind of service; the first that an image states.
    pub category: Option<Category>,
    /// Legacy as soon as one image is.
    pub lifecycle: Option<Lifecycle>,
    /// The most secret that an image states.
    pub data_class: Option<DataClass>,
    /// The images, sorted.
    pub images: BTreeSet<String>,
}

/// One end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// Everything outside.
    Public,
    /// A network outside that has a name.
    Outside(SegmentName),
    /// A segment.
    Segment(SegmentName),
    /// One of the fleet's common services.
    Infrastructure(Infrastructure),
    /// Addresses.
    Net(Cidr),
}

impl Node {
    /// The segment, where it is one.
    pub fn segment(&self) -> Option<&SegmentName> {
        match self {
            Self::Segment(name) => Some(name),
            Self::Public | Self::Outside(_) | Self::Infrastructure(_) | Self::Net(_) => None,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Outside(name) | Self::Segment(name) => write!(f, "{name}"),
            Self::Infrastructure(it) => f.write_str(it.word()),
            Self::Net(net) => write!(f, "{net}"),
        }
    }
}

/// A flow: connections from one end to the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Who begins.
    pub from: Node,
    /// Who accepts.
    pub to: Node,
    /// By which transport.
    pub proto: Proto,
    /// At which ports; `None`: at all.
    pub port: Option<Port>,
    /// What it is for.
    pub service: String,
    /// Of which kind it is.
    pub kind: LinkKind,
}

impl Link {
    /// Transport and ports, as in `tcp/443`.
    pub fn opening(&self) -> String {
        match self.port {
            Some(port) => format!("{}/{port}", self.proto),
            None => format!("{}/any", self.proto),
        }
    }
}

/// Of which kind a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    /// A service that one end provides.
    Service,
    /// SSH by `admin_from`.
    Admin,
    /// To something that no template provides.
    Egress,
}

impl LinkKind {
    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Admin => "admin",
            Self::Egress => "egress",
        }
    }
}

/// What states a flow, by the number of the member: at the end that connects, at the one that accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `None`: an end that no template describes.
    pub out: Option<(usize, Statement)>,
    /// `None`: an end that no template describes.
    pub accept: Option<(usize, Statement)>,
}
