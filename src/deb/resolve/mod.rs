//! Which packages a request needs, as `apt-get install` would choose them on an empty system.
//!
//! [`resolve()`] is a port of the decisions that apt's `pkgDepCache::MarkInstall` takes where
//! nothing is installed, with apt's order of preference among alternatives and providers. What it
//! leaves out is apt's problem resolver, which removes and holds back packages by scores until
//! nothing is broken: where apt would start it, `resolve` refuses and explains. It never guesses.
//!
//! | file | what |
//! |---|---|
//! | `request` | [`Request`]: what is wanted |
//! | `pin` | [`Pin`]s and the candidate of each package (`apt_preferences(5)`) |
//! | `world` | the packages that are reached, their relations and their state |
//! | `numbers` | the numbers that apt gives to packages, its last resort among equals |
//! | `mark` | marking a package and all that it needs |
//! | `sweep` | dropping what was marked on the way, but is needed by nothing |
//! | `resolution` | [`Resolution`]: what was chosen, and why |
//! | `error` | [`ResolveError`]: why nothing was |

mod error;
mod mark;
mod numbers;
mod pin;
mod request;
mod resolution;
mod sweep;
mod world;

pub use error::{Problem, ResolveError};
pub use pin::{Pin, PinError};
pub use request::{Provided, Request, Wanted, WantedError};
pub use resolution::{Chosen, Reason, Resolution, resolve};

#[cfg(test)]
mod tests;
