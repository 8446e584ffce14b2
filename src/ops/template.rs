//! `karat template`, without printing.
