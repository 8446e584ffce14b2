//! What the initrd tells a TPM, and what that answers, as bytes (TCG, TPM 2.0 Library, Part 3: Commands).
//!
//! | file | what |
//! |---|---|
//! | `command` | what all commands begin with |
//! | `answer` | what all answers begin with: [`check`], [`TpmError`] |
//! | `event` | [`pcr_event`]: the registers |
//! | `storage` | the few bytes that a TPM keeps: [`read_public`], [`define`], [`read`], [`write()`], [`write_lock`] |
//! | `floor` | [`FloorIndex`]: which of them, and what they say: [`Floor`], [`TpmFloor`] |
//!
//! `sys::init` talks to the device. The format: `docs/formats/boot.md`.

mod answer;
mod command;
mod event;
mod floor;
mod storage;

pub use answer::{TpmError, check};
pub use event::{ENTER_INITRD, LEAVE_INITRD, PCR_BOOT, PCR_VERDICT, pcr_event};
pub use floor::{Floor, FloorIndex, TpmFloor};
pub use storage::{Index, define, index, read, read_public, stored, write, write_lock};
