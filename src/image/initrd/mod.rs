//! The initial RAM file system that an image boots with: `karat-agent`, the kernel's modules that
//! it needs, and what it shall verify. `docs/formats/initrd.md` has the form.
//!
//! ```text
//! Tree ─Kernel::of▶ Kernel ─choose(causes)▶ Modules ─ load_order ▶ boot.json
//!                                             └──────────── Parts ─Initrd::assemble▶ Initrd
//! ```

mod assemble;
mod cause;
mod choose;
mod error;
mod index;
mod kernel;

pub use assemble::{AGENT, BOOT, Initrd, Inside, Parts, TRUST_ROOT};
pub use cause::Cause;
pub use choose::{Module, Modules};
pub use error::InitrdError;
pub use kernel::Kernel;
