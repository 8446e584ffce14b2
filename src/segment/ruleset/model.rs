//! Rules, chains, sets.

use std::collections::BTreeSet;

use super::part::Part;
use crate::segment::SegmentName;

/// The packet filter of an image: one table, `inet karat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Segments that have a set for each family.
    pub(super) peers: BTreeSet<SegmentName>,
    /// In the order of the text.
    pub(super) chains: [Chain; 3],
}

/// A base chain, at the priority `filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) hook: &'static str,
    pub(super) policy: Policy,
    pub(super) lines: Vec<Line>,
}

/// What happens to a packet that no rule decides about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Accept,
    Drop,
}

impl Policy {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        }
    }
}

/// A line of a chain's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// For readers.
    Blank,
    /// Rules of the user's own, from all files of a directory.
    Include(&'static str),
    /// A rule.
    Rule(Rule),
}

/// Conditions, and what is done where all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) parts: Vec<Part>,
    /// What it is for. Names of services and segments: nothing that would need quoting.
    pub(super) comment: Option<String>,
}

impl Ruleset {
    /// Where an image has the text.
    pub const PATH: &str = "/etc/nftables.d/karat.nft";
    /// Where users' own rules for the input chain are.
    pub const INPUT: &str = "/etc/nftables.d/input";
    /// Where users' own rules for the output chain are.
    pub const OUTPUT: &str = "/etc/nftables.d/output";

    /// The segments whose addresses an instance learns from a signed document
    /// (`docs/formats/peers.md`).
    pub fn peers(&self) -> impl Iterator<Item = &SegmentName> {
        self.peers.iter()
    }
}
