//! Mirrors and the cache: everything that comes from elsewhere, checked before anybody uses it.
//!
//! | file | what |
//! |---|---|
//! | `location` | [`Location`]: the base of an archive, `http(s):` or `file:` |
//! | `apt` | the mirrors that this machine's own apt uses |
//! | `mirror` | which mirror is used, and which suites a template takes packages from |
//! | `keys` | Debian's archive keys, shipped with karat |
//! | `network` | [`Network`]: getting files, with proxies, retries and resume |
//! | `repository` | [`Repository`]: a suite's Release, verified, and its indexes |
//! | `obtain` | [`obtain()`]: the locked packages as files; [`vendor()`]: keeping a copy of them |
//! | `cache` | [`Cache`]: what was fetched and built before |
//!
//! Who signs what, and why that is believed, is `docs/design/archive-trust.md`.

pub mod apt;
pub mod cache;
pub mod keys;
mod location;
pub mod mirror;
mod network;
mod obtain;
mod repository;

pub use cache::{Cache, CacheError};
pub use location::{Location, LocationError};
pub use network::{FetchError, Network, Patience, Posted, Proxies};
pub use obtain::{ObtainError, Obtained, Origins, obtain, vendor};
pub use repository::{Conditions, Repository, RepositoryError};
