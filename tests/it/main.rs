//! karat's integration tests: one binary, one module per behaviour.

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
