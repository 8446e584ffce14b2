//! `karat trust` and what changes a trust root, without printing.
//!
//! ```text
//! TrustRoot N + Edit… ─plan▶ Plan (what changes, what stops counting)
//!   ─start▶ Draft in keys/trust.draft.json ─sign▶ … ─accept▶ TrustRoot N + 1
//! ```
//!
//! A draft may travel: root keys sign it where they are. It becomes the trust root when a threshold
//! of N's root keys **and** of its own signed it, which [`crate::key::TrustRoot::update`] decides.
//!
//! | file | what |
//! |---|---|
//! | `file` | trust root files |
//! | `edit` | one change of a document |
//! | `difference` | what differs between two versions |
//! | `standing` | whose signatures are there and whose are missing |
//! | `draft` | a next version that collects signatures |
//! | `place` | a draft and the chain of versions in a workspace |
//! | `rotate` | a new key in the place of the present one |
//! | `log` | how many entries the log has |

mod difference;
mod draft;
mod edit;
mod file;
mod log;
mod place;
mod rotate;
mod standing;

pub use difference::{Change, What, changes};
pub use draft::{Draft, DraftError};
pub use edit::{Edit, EditError, apply};
pub use file::{TrustFileError, read, read_with_bytes, update};
pub use log::entries;
pub use place::{Accepted, Outcome, Plan, accept, discard, plan, predecessor, sign, start};
pub use rotate::{NewKey, Rotation, keep};
pub use standing::{Holder, Standing};
