//! karat's integration tests: one binary, one module per behaviour.
#![expect(
    clippy::as_conversions,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::default_trait_access,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::large_stack_arrays,
    clippy::panic,
    clippy::print_stdout,
    clippy::single_match_else,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may fail loudly, and prepares and looks at files in its own way"
)]

mod archive;
mod audit;
mod audit_page;
mod block;
mod build;
mod cli;
mod deb;
mod diff;
mod docs;
mod exposure;
mod fuzz;
mod harden;
mod image;
mod keys;
mod layers;
mod lock;
mod log;
mod machine;
mod oracle_apt;
mod oracle_mmdebstrap;
mod oracle_nft;
mod responsibility;
mod sandbox;
mod sbom;
mod schemas;
mod segment;
mod support;
mod template;
mod tlog;
mod uki;
mod verify;
