//! karat's integration tests: one binary, one module per behaviour.
#![expect(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may fail loudly, and prepares and looks at files in its own way"
)]

mod archive;
mod build;
mod cli;
mod deb;
mod diff;
mod image;
mod keys;
mod layers;
mod lock;
mod oracle_apt;
mod oracle_mmdebstrap;
mod sandbox;
mod support;
mod template;
mod verify;
