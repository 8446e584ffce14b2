//! The trust root: whose signatures count, for what, and from when to when.

mod document;
mod glob;
mod role;
mod root;

pub use document::TrustDocument;
pub use glob::{ImageGlob, ImageGlobError};
pub use role::{LogPolicy, Position, Receipts, Role, RoleKey, RoleKeys};
pub use root::{TrustError, TrustRoot};
