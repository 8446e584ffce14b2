//! Debian packages and archives as values.
