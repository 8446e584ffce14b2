//! `karat cache`, without printing.
