//! Arguments, rendering, exit codes, hints: the only place that prints.

pub mod agent;
#[cfg(feature = "build")]
pub mod args;
#[cfg(feature = "build")]
mod audit_csv;
#[cfg(feature = "build")]
pub mod audit_page;
#[cfg(feature = "build")]
mod audit_text;
mod bless;
#[cfg(feature = "build")]
pub mod commands;
#[cfg(feature = "build")]
pub mod confirm;
#[cfg(feature = "build")]
pub mod console;
pub mod exit;
#[cfg(feature = "build")]
pub mod failure;
#[cfg(feature = "build")]
mod failure_keys;
#[cfg(feature = "build")]
mod failure_log;
mod init;
mod instance;
mod instance_disk;
mod journal;
#[cfg(feature = "build")]
pub mod keys;
#[cfg(feature = "build")]
mod markdown;
#[cfg(feature = "build")]
pub mod passphrase;
mod peers;
#[cfg(feature = "build")]
pub mod progress;
pub mod report;
#[cfg(feature = "build")]
mod responsibility_csv;
#[cfg(feature = "build")]
mod responsibility_page;
#[cfg(feature = "build")]
mod responsibility_text;
#[cfg(feature = "build")]
pub mod segment_page;
mod stdout;
#[cfg(feature = "build")]
pub mod units;

#[cfg(feature = "build")]
pub use args::{Arguments, definition, main};
pub use exit::Exit;
