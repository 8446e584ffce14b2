//! Virtual machines: programs that run as long as this one wants, and no longer.
//!
//! | file | what |
//! |---|---|
//! | `tied` | a program that dies with this one |
//! | `running` | such a program while it runs, and what it says |
//! | `power` | asking QEMU to press the power button |
//! | `interrupt` | whether somebody wants this to end |

mod interrupt;
mod power;
mod running;
mod tied;

pub use interrupt::Interrupt;
pub use power::press_power_button;
pub use running::{Heard, Output, Running, find};
pub use tied::run_tied;
