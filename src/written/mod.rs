//! What people write: TOML, read key by key with the place of every value.
//!
//! Templates and hardening rules are read by the same `reader`: what is wrong is collected, each
//! with code, place and help ([`Diagnostics`]), and unknown keys are errors.

mod choice;
pub(crate) mod diagnostic;
pub(crate) mod names;
pub(crate) mod nearest;
pub(crate) mod reader;

pub use choice::Choice;
pub use diagnostic::{Code, Diagnostic, Diagnostics, Location};
