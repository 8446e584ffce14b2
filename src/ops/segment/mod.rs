//! `karat segment`, without printing: fleets of templates.
//!
//! | file | what |
//! |---|---|
//! | `load` | [`load()`]: from files and directories to a [`Loaded`] fleet |
//! | `found` | [`Found`]: what breaks a rule, with its line |

mod found;
mod load;

pub use found::Found;
pub use load::{FLEET_FILE, Loaded, SegmentError, load};
