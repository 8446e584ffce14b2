//! The shape of the source: imports, dependencies, forgotten files, private keys.
