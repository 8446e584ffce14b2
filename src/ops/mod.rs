//! One file per user verb; no printing.
