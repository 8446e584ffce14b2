//! Debian packages and archives as values.

pub mod openpgp;
