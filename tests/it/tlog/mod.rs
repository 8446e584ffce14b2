//! The transparency log: hashes, proofs, notes, and what a Receipt is worth.

mod judges;
mod policy;
mod properties;
mod receipts;
mod vectors;
