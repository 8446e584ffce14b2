//! `karat build`, without printing.
