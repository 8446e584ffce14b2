//! Mirrors and the cache.
