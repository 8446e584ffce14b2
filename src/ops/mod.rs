//! One file per user verb; no printing.

pub mod attach;
pub mod audit;
pub mod build;
pub mod cache;
pub mod diff;
mod explain;
pub mod export;
pub mod harden;
pub mod init;
pub mod instant;
pub mod key;
pub mod ledger;
pub mod lock;
pub mod log;
pub mod outputs;
pub mod responsibility;
pub mod segment;
pub mod shipped;
pub mod sign;
pub mod signer;
pub mod summary;
pub mod template;
pub mod trust;
pub mod verify;
mod verity;
pub mod workspace;
