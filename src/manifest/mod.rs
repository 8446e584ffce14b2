//! The canonical mtree(5) list of every path.
