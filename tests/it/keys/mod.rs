//! Keys, envelopes, statements, trust roots: attacks, commands, and what outside programs say.

mod commands;
mod envelopes;
pub mod fixture;
mod judges;
mod roots;
mod statements;
pub mod vector;
