//! `karat verify --disk`: a disk that is as it was signed, and one attack for each link of the chain.

mod clean;
mod esp;
mod fixture;
mod kernel;
mod memory;
mod table;
mod told;
mod trust;
