//! `karat responsibility report`: evidence from files, as users give it.

mod controls;
pub mod desk;
mod failures;
mod judges;
mod reports;
mod summaries;
mod transcript;
