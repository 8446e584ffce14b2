//! Hostile bytes for every parser: the targets that the fuzzer in `fuzz/` runs for hours, run here for
//! seconds.

mod mutate;
mod smoke;
mod targets;
