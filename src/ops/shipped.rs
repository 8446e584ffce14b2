//! The templates that come with karat, embedded.

/// Each file below `templates/`: its path there and its bytes. A test compares the list with the
/// directory.
pub const SHIPPED: &[(&str, &[u8])] = &[];
