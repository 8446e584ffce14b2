//! How exposed a service is: the measure of `systemd-analyze security --offline`, 0.0 (locked in) to
//! 10.0 (everything is open), computed from the unit files of a root alone.
//!
//! Each of some eighty assessments has a weight, and says how bad what the unit states is for it. The
//! exposure is the sum of weight × badness, as a share of all weights that apply, rounded up to a
//! tenth. What systemd measures differs with its release in few points (`Manager`).
//!
//! ```text
//! Root ─Manager::of▶ release, machine
//! Unit + drop-ins ─Service▶ what its directives come to ─▶ assessments ─▶ Rating ─▶ Exposure
//! ```
//!
//! | file | what |
//! |---|---|
//! | `manager` | `Manager`: what differs from release to release and machine to machine |
//! | `service` | what the directives of a service come to |
//! | `address` `calls` `capability` `family` | the directives that state sets |
//! | `identity` | as whom a service runs |
//! | `words` | values as systemd.syntax(7) has them |
//! | `assess` `table` | the assessments, and what they sum up to |
//! | `advice` | which directives would help, the best first |
//! | `starting` | which services start, and what starts them |
//! | `ceiling` | how exposed a service may be, and who says so |
//! | `survey` | all services of a root, the most exposed first |
//!
//! It says what a sandbox keeps a service from, not whether the service needs it; and a directive that
//! systemd does not weigh (`ReadWritePaths=`, `SocketBindDeny=`) changes nothing here.

mod address;
mod advice;
mod assess;
mod calls;
mod capability;
mod ceiling;
mod family;
mod identity;
mod manager;
mod service;
mod starting;
mod survey;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub use advice::Advice;
pub use ceiling::Ceiling;
pub use survey::{Survey, Surveyed, faults, survey};

pub(super) use ceiling::over;
pub(super) use manager::Manager;
pub(super) use starting::starting;
