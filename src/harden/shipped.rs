//! The rule files that karat comes with; `templates/rules/` has the same, which a test compares.

/// Name and bytes, by name.
pub(super) const SHIPPED: &[(&str, &[u8])] = &[];
