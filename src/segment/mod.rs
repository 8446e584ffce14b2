//! Where an image belongs, and what may reach what.
//!
//! A template's `[segment]` states one image's place and its openings ([`Segment`]); from it follow
//! the [`Flow`]s that the host's ruleset lets through, and, over many templates, the fleet's checks,
//! its graph and its exports.
//!
//! | file | what |
//! |---|---|
//! | `name` | [`SegmentName`], [`ServiceName`], [`UnitName`], [`Date`], [`PackageGlob`] |
//! | `peer` | [`Cidr`], [`Infrastructure`], [`Peer`], [`Audience`] |
//! | `port` | [`Port`], [`Proto`], [`Exposure`] |
//! | `value` | [`Segment`] and what it holds |
//! | `flow` | [`Flow`]: what one image lets in and out |
//! | `member` | [`Fleet`] of [`Member`]s, and its [`Charter`] |
//! | `graph` | [`Graph`]: what may reach what |
//! | `diff` | [`Difference`]: what changed between two fleets |
//! | `export` | [`export`]: the same in the languages of others |
//! | `check` | [`check()`]: whether a fleet keeps its own rules |
//! | `ruleset` | [`Ruleset`]: the packet filter that follows |
//! | `confined` | [`Confined`]: what follows for each service |
//!
//! The format is described in `docs/formats/segment.md`.

mod check;
mod confined;
mod diff;
pub mod export;
mod flow;
mod graph;
mod member;
mod name;
mod peer;
mod port;
mod ruleset;
mod value;

pub use check::{Demand, Finding, Rule, Spot, check, refused_package};
pub use confined::Confined;
pub use diff::{Difference, Reach};
pub use flow::{Direction, Flow, SSH_PORT};
pub use graph::{Graph, Group, Link, LinkKind, Node, Source};
pub use member::{Assertion, Charter, Fleet, Member, Place};
pub(crate) use name::is_day;
pub use name::{Date, PackageGlob, SegmentName, ServiceName, UnitName};
pub use peer::{Audience, Cidr, Infrastructure, Peer};
pub use port::{Exposure, Port, Proto};
pub use ruleset::Ruleset;
pub use value::{Category, Consumes, DataClass, Egress, Lifecycle, Provides, Segment, Statement};
