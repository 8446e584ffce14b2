//! `karat segment`, without printing: fleets of templates.
//!
//! | file | what |
//! |---|---|
//! | `load` | [`load()`]: from files and directories to a [`Loaded`] fleet |
//! | `document` | the graph and its changes as `--json` prints them |
//! | `found` | [`Found`]: what breaks a rule, with its line |

mod document;
mod found;
mod load;

pub use document::{
    DifferenceDocument, FlowDocument, GraphDocument, ReachDocument, SegmentDocument,
};
pub use found::Found;
pub use load::{FLEET_FILE, Loaded, SegmentError, load};
