//! `karat diff`, without printing.
