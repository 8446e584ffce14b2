//! Image formats: tar, OCI, compression.
