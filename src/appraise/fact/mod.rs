//! Runtime facts: what the running system shows, against what the image expects.
//!
//! [`Observations`] are what was seen, as values; [`Scene`] says whether there was a running system
//! to look at. Judging is a pure function of both: each fact is held, drifted, does not apply here
//! (and why), or could not be checked, which makes a verification incomplete.
//!
//! | file | what |
//! |---|---|
//! | `observed` | [`Observations`]: what an observer hands over |
//! | `list` | the same as a list for people |
//! | `judge` | all facts, one after the other |
//! | `accounts` | who may become root or has a password |
//! | `firewall` | the rules of the packet filter |
//! | `kernel` | settings, command line, modules, taint and lockdown |
//! | `local` | packet and Unix sockets |
//! | `system` | internet sockets, mounts, preloading, credentials, units, what starts by itself |

mod accounts;
mod firewall;
mod judge;
mod kernel;
mod list;
mod local;
mod observed;
mod system;

pub use judge::{FactCounts, judge};
pub use list::Line;
pub use observed::{
    Entry, Listening, MountPoint, Observations, PacketSocket, PasswordOf, Preloads, Scene, Seen,
    Variable, source,
};
