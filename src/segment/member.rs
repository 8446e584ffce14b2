//! The fleet: what its templates state, and what somebody demands of all of them together.

use std::collections::BTreeMap;
use std::fmt;

use super::graph::Graph;
use super::name::SegmentName;
use super::peer::Cidr;
use super::port::{Port, Proto};
use super::value::{Category, Segment};
use crate::expect::fact::Listener;

/// What the checks look at of one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The image's name.
    pub image: String,
    /// `[segment]`.
    pub segment: Segment,
    /// The packages that it asks for, by name.
    pub packages: Vec<String>,
    /// Units that it enables.
    pub enabled: Vec<String>,
    /// Units that it disables or masks.
    pub disabled: Vec<String>,
    /// Sockets that may listen; `None`: nothing is said about them.
    pub listen: Option<Vec<Listener>>,
}

/// What is demanded of the fleet as a whole, and what is known about its addresses: `fleet.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charter {
    /// Names that stand for networks outside of the fleet, sorted.
    pub outside: Vec<SegmentName>,
    /// Addresses of segments, of networks outside, and of `dns`, `log`, `ntp` and `updates`.
    pub addresses: BTreeMap<String, Vec<Cidr>>,
    /// What must not be reachable.
    pub deny: Vec<Assertion>,
    /// What must be reachable.
    pub permit: Vec<Assertion>,
}

/// That something can be reached, or cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// From where.
    pub from: Place,
    /// What.
    pub to: Place,
    /// At which ports; `None`: at any.
    pub port: Option<Port>,
    /// By which transport; `None`: by any.
    pub proto: Option<Proto>,
    /// Whether by way of other segments counts too.
    pub indirect: bool,
    /// Why.
    pub reason: Option<String>,
}

/// Segments that an assertion speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of this category: `category:data`.
    Category(Category),
    /// What is outside.
    Public,
    /// This one, or a network outside of this name.
    Segment(SegmentName),
}

impl Place {
    /// The rule, for people.
    pub const RULE: &'static str = "it is public, the name of a segment, or category: with frontend, \
                                    internal, data, management or legacy behind it";

    /// Takes `public`, `web`, `category:data`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "public" {
            return Some(Self::Public);
        }
        if let Some(word) = text.strip_prefix("category:") {
            let mut words = Category::WORDS.iter();
            return words
                .find(|(it, _)| *it == word)
                .map(|(_, category)| Self::Category(*category));
        }
        SegmentName::new(text).map(Self::Segment)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(category) => write!(f, "category:{category}"),
            Self::Public => f.write_str("public"),
            Self::Segment(name) => write!(f, "{name}"),
        }
    }
}

/// Templates with a place, what is demanded of them, and what may reach what.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The templates, in the order in which they were given.
    pub members: Vec<Member>,
    /// What is demanded.
    pub charter: Charter,
    /// Which members each segment has.
    pub segments: BTreeMap<SegmentName, Vec<usize>>,
    /// What may reach what.
    pub graph: Graph,
}

impl Fleet {
    /// Puts templates together.
    pub fn new(members: Vec<Member>, charter: Charter) -> Self {
        let mut segments: BTreeMap<SegmentName, Vec<usize>> = BTreeMap::new();
        for (index, member) in members.iter().enumerate() {
            if let Some(name) = &member.segment.name {
                segments.entry(name.clone()).or_default().push(index);
            }
        }
        let graph = Graph::build(&members, &charter, &segments);
        Self {
            members,
            charter,
            segments,
            graph,
        }
    }

    /// The members of a segment with their numbers; none where there is no such segment.
    pub fn members_of(&self, name: &SegmentName) -> impl Iterator<Item = (usize, &Member)> {
        let indices = self.segments.get(name).into_iter().flatten();
        indices.filter_map(|index| Some((*index, self.members.get(*index)?)))
    }

    /// The category of a segment: the first that one of its members states.
    pub fn category(&self, name: &SegmentName) -> Option<Category> {
        self.members_of(name)
            .find_map(|(_, member)| member.segment.category)
    }

    /// Whether it is a segment of the fleet, or a network outside that has a name.
    pub fn is_known(&self, name: &SegmentName) -> bool {
        self.segments.contains_key(name) || self.charter.outside.contains(name)
    }
}
