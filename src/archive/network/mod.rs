//! Bytes from a web server or a directory: with proxies, timeouts, retries and resume.
//!
//! Nothing here is trusted: what comes is capped while it is read, and named by a digest that was
//! known before, or by a signature that is checked after.

mod forward;
mod get;
mod post;
mod proxy;
mod redirect;

pub use get::{FetchError, Network, Patience};
pub use post::Posted;
pub use proxy::Proxies;
