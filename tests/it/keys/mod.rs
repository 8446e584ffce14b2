//! Keys, envelopes, statements, trust roots: attacks, commands, and what outside programs say.

mod bench;
mod ceremony;
mod changes;
mod commands;
mod envelopes;
mod export;
mod failures;
pub mod fixture;
mod judges;
mod roots;
mod signers;
mod statements;
mod strict;
#[cfg(feature = "pkcs11")]
mod token;
pub mod vector;
