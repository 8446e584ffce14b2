//! The initrd of an image: what it is told, how it judges, and what it says.
//!
//! ```text
//! Plan + Disks ─choose▶ Chosen ─read▶ Seen ─Judgement::of▶ Judgement ─cleared▶ Cleared ─▶ the kernel's dm-verity
//!                                                              └──▶ Report, measured into PCR 8
//! ```
//!
//! | file | what |
//! |---|---|
//! | `plan` | [`Plan`]: `/boot.json` of the initrd, which the firmware measured with it |
//! | `place` | [`Place`]: where the running system may write |
//! | `partition` | the unique ids of partitions, as text |
//! | `disk` | [`choose`]: which disk the image lies on |
//! | `cmdline` | the kernel's command line against the plan's |
//! | `judge` | [`Judgement`]: facts in, verdict out; [`Cleared`], without which no root is used |
//! | `recall` | what was accepted before, by the state partition and the TPM |
//! | `report` | [`Report`]: the judgement as the bytes that are measured |
//! | `timings` | [`Timings`]: how long it took, and whose time that was |
//! | `mapper` | what the kernel's device mapper is told, as bytes |
//! | `tpm` | what a TPM is told, and the floor that it holds, as bytes |
//!
//! All of it is values: `sys::init` finds disks, talks to the kernel, and mounts. The formats:
//! `docs/formats/boot.md`; the chain and what each link proves: `docs/design/boot.md`.

mod cmdline;
mod disk;
mod judge;
pub mod mapper;
mod partition;
mod place;
mod plan;
mod recall;
mod report;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timings;
pub mod tpm;

pub use disk::{Chosen, Disk, choose};
pub use judge::{Cleared, Judgement, Memory, Seen};
pub use partition::PartitionIdError;
pub use place::{Place, PlaceError, PlaceKind, Places};
pub use plan::{Etc, OnCorruption, OnFailure, Plan, PlanError, Root};
pub use report::{Machine, Report, ReportError};
pub use timings::{Share, Step, Timings};
