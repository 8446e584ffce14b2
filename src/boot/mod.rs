//! The initrd of an image: what it is told, how it judges, and what it says.
//!
//! | file | what |
//! |---|---|
//! | `plan` | [`Plan`]: `/boot.json` of the initrd, which the firmware measured with it |
//! | `partition` | [`PartitionId`]: the name of a partition that nobody takes from a label |
//! | `place` | [`Place`]: where the running system may write |
//!
//! All of it is values: `sys::init` finds disks and mounts them. The formats: `docs/formats/boot.md`;
//! the chain and what each link proves: `docs/design/boot.md`.

mod partition;
mod place;
mod plan;

pub use partition::{PartitionId, PartitionIdError};
pub use place::{Place, PlaceError, PlaceKind, Places};
pub use plan::{Etc, OnCorruption, OnFailure, Plan, PlanError, Root};
