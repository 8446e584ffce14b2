//! The only module that touches the machine.
//!
//! Everything else in karat is a function of values; files, the environment, the clock, processors
//! and processes are asked for here, so that a reader can see in one place what a result may depend
//! on. `unsafe` lives here, each block with its reason, and in one kernel of `digest`.

pub mod alloc;
pub mod boot;
pub mod clock;
pub mod cpu;
pub mod env;
pub mod facts;
pub mod fs;
pub mod init;
pub mod journal;
#[cfg(feature = "build")]
pub mod machine;
pub mod material;
#[cfg(feature = "build")]
pub mod memory;
pub mod packages;
pub(crate) mod process;
pub(crate) mod program;
#[cfg(feature = "build")]
pub mod root;
#[cfg(feature = "build")]
pub mod sandbox;
pub mod scan;
#[cfg(feature = "build")]
pub mod serve;
#[cfg(feature = "build")]
pub mod signer;
pub mod state;
// Of the agent alone: other programs of karat's unwind.
#[cfg(all(panic = "abort", target_env = "musl", not(feature = "build")))]
mod unwind;
pub mod usage;
