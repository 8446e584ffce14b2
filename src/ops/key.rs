//! `karat key`, without printing.
