//! `karat trust`, without printing.
