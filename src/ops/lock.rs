//! `karat lock`, without printing.
