//! Packages, hostile ones among them.
