//! `karat attach`, without printing.
