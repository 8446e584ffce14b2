//! From packages to a configured root: unpack, configure, normalise, capture, keep.
//!
//! [`configured`] gives the tree that Debian's own maintainer scripts leave behind, as a value. It
//! works in a process of its own inside fresh namespaces (`docs/design/sandbox.md`); the result is
//! kept under a key made from all that it depends on, so that a second build starts from it.
//!
//! | file | step |
//! |---|---|
//! | `inputs` | what a tree is made from, and its key |
//! | `configured` `worker` | the door, and the process behind it |
//! | `staging` | where the root lies while it is made |
//! | `order` | which package before which |
//! | `unpack` `extract` `place` `replaces` | packages into the root |
//! | `overrides` | what scripts told dpkg of paths that others bring |
//! | `dpkgdb` `configure` | dpkg's database; scripts |
//! | `stand_in` | programs in whose place karat answers while scripts run |
//! | `normalise` `capture` | what stays; the tree as a value |
//! | `store` | configured trees on disk |
//! | `overlay` | what the template adds to a configured tree |
//! | `error` | why there is no configured tree |

mod capture;
mod configure;
mod configured;
mod dpkgdb;
mod error;
mod extract;
mod inputs;
mod normalise;
mod order;
pub mod overlay;
mod overrides;
mod place;
mod replaces;
mod staging;
pub mod stand_in;
mod store;
mod unpack;
mod worker;

pub use configured::{Configured, Reuse, configured, forget, stored};
pub use error::{DirectoryFault, StageError};
pub use inputs::{Initrd, Inputs, Package, Staging, StandIns};
pub use store::PackBlobs;
pub use worker::run_as_worker;
