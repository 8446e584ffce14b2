//! `karat boot`, without printing: an image as a machine.
//!
//! | file | what |
//! |---|---|
//! | `disk` | the file as QEMU takes it |
//! | `firmware` | where distributions put UEFI firmware |
//! | `accelerator` | whether KVM works |
//! | `arguments` | what QEMU is told |
//! | `console` | what the machine says: verdicts, failures, whether it is up |
//! | `machine` | starting all of it, and ending it |
//! | `check` | listening until it is known how it went |
//! | `error` | why a machine is not started |

mod accelerator;
mod arguments;
mod check;
mod console;
mod disk;
mod error;
mod firmware;
mod machine;

pub use accelerator::{Accelerator, probe};
pub use arguments::Settings;
pub use check::{Checked, Times};
pub use console::{Trouble, Watch};
pub use error::BootError;
pub use machine::Machine;
