//! What an instance is told, and what it remembers.
//!
//! | file | what |
//! |---|---|
//! | `policy` | [`Policy`]: `/usr/lib/karat/policy.json`, what the image's template decided |
//! | `state` | [`State`]: the floors below which nothing is accepted; two generations of it |
//! | `seen` | [`LogSeen`]: the tree of the log by which a boot was verified |
//! | `blessing` | [`Blessing`]: from the verdict of this boot to what may be remembered |
//!
//! All of it is values: `sys` reads and writes the files. The formats: `docs/formats/instance.md`.

mod blessing;
mod policy;
mod seen;
mod state;

pub use blessing::{Blessing, BlessingError};
pub use policy::{OnFailure, Policy, PolicyError};
pub use seen::LogSeen;
pub use state::{Recalled, Slot, SlotError, State};
