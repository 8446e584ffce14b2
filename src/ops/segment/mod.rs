//! `karat segment`, without printing: fleets of templates.
//!
//! | file | what |
//! |---|---|
//! | `load` | [`load()`]: from files and directories to a [`Loaded`] fleet |
//! | `document` | the graph and its changes as `--json` prints them |
//! | `peers` | [`sign_peers`], [`open_peers`]: who a segment's peers are |
//! | `found` | [`Found`]: what breaks a rule, with its line |

mod document;
mod found;
mod load;
mod peers;

pub use document::{
    DifferenceDocument, FlowDocument, GraphDocument, ReachDocument, SegmentDocument,
};
pub use found::Found;
pub use load::{FLEET_FILE, Loaded, SegmentError, load};
pub use peers::{
    SignPeersError, SignedPeers, open as open_peers, read_input as read_peers, sign as sign_peers,
};
