//! Mirrors and the cache.

pub mod cache;

pub use cache::{Cache, CacheError};
