//! What a template resolved to: exact packages, from exactly these Release files.
//!
//! The format is `docs/formats/lock.md`. A lock names no mirror: every file in it is identified by
//! its digest, wherever it comes from.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Lockfile`] and its parts |
//! | `read` | the strict reader |
//! | `write` | the one canonical spelling |
//! | `stale` | whether a lock still fits its template, and what changed if not |
//! | `diff` | what differs between two locks |
//! | `purl` | packages as package URLs |
//! | `spdx` | an image that was built from a lock as an SBOM |
//! | `inventory` | the packages that such an SBOM lists |

mod diff;
mod inventory;
mod purl;
mod read;
mod spdx;
mod stale;
mod value;
mod write;

pub use diff::{Change, Diff};
pub use inventory::{Inventory, InventoryError};
pub use read::LockError;
pub use spdx::{Described, spdx};
pub use stale::{Difference, Stale};
pub use value::{Basis, LockedPackage, LockedRelease, Lockfile, SourceName, SourceNameError};
