//! What a template resolved to.
