//! `karat responsibility report`: evidence from files, as users give it.

mod desk;
mod failures;
mod judges;
mod reports;
