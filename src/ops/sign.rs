//! `karat sign`, without printing.
