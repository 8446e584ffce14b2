//! Unpack, configure, overlay, normalise.
