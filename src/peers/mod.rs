//! Who the peers of a segment are: addresses that a fleet's key signs, by which an instance fills
//! the named sets of its packet filter.
//!
//! ```text
//! {"segment":"data","serial":3,"sets":{"api":["10.1.2.0/24","2001:db8:1::/64"]},"spec":"karat-peers/1"}
//! ```
//! The rules of the packet filter are part of the image and never change; what stands in these sets
//! is all that an instance learns later. The format: `docs/formats/peers.md`.

mod cidr;
mod document;
mod seen;
mod set;
mod verified;

pub use cidr::Cidr;
pub use document::{Peers, PeersError, file_name};
pub use seen::{SeenPeers, SeenPeersError};
pub use set::{Family, TABLE, bare_set, set_name};
pub use verified::VerifiedPeers;
