//! Mirrors, Release files, the cache: over `file:` repositories made by the test.
