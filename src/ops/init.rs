//! `karat init`, without printing.
