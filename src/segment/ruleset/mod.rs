//! The rules of the packet filter that follow from a segment.
//!
//! One [`Ruleset`] gives both the text that nft(8) loads and what the kernel lists afterwards, so
//! that an instance is held to exactly what was compiled. Both releases of Debian list the same.
//!
//! | file | what |
//! |---|---|
//! | `part` | one condition or action, in both spellings |
//! | `model` | rules, chains, sets |
//! | `compile` | from a segment to rules |
//! | `text` | what nft(8) loads |
//! | `listing` | what is in force then |
//!
//! The format is described in `docs/formats/ruleset.md`.

mod compile;
mod listing;
mod model;
mod part;
mod text;

pub use model::Ruleset;
