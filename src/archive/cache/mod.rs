//! What karat keeps to work faster: `$XDG_CACHE_HOME/karat`, nothing in it worth a backup.
//!
//! ```text
//! lock                      shared (flock) by every process that uses the cache, exclusive by gc
//! objects/sha256/ab/<hex>   packages and decompressed indexes, named by their SHA-256
//! partial/<hex>             downloads in progress or broken off; exclusively locked while written
//! releases/<hex>            the InRelease last accepted from a place (the hash of its URI)
//! logs/<hex>/               full tiles of the log at a place (the hash of its address)
//! trees/<hex>/              configured trees, one directory each, whole or absent
//! trees/<hex>.lock          shared while the tree is read, exclusive while it is written
//! ```
//! - An object appears by rename, after its bytes were hashed; and it is hashed again whenever it is
//!   used. Nothing that kill -9, a full disk or another program leaves behind is taken for whole.
//! - A tree is not hashed when used. Everything that belongs to it is inside its directory, which
//!   appears whole ([`AtomicDir`](crate::sys::fs::AtomicDir)) while its lock is held.
//! - A tile of a log is compared with the tree whenever it is used.
//! - The cache belongs to one user (0700). One that belongs to somebody else, or that others may
//!   write to, is read as far as its objects go and never written.
//! - [`collect`] removes what was used least recently; what a running process uses stays.

mod collect;
mod partial;
mod store;

pub use collect::{Collected, DEFAULT_MAX_SIZE, Inventory, Keep, Kind, Total, collect, inventory};
pub use partial::{Claim, Partial};
pub use store::{Cache, CacheError};
