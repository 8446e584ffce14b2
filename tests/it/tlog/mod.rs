//! The transparency log: hashes, proofs, notes, and what a Receipt is worth.

mod failures;
mod judges;
mod merkle;
mod policy;
mod properties;
mod receipts;
mod vectors;
