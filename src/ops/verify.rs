//! `karat verify`, without printing.
