//! Image formats: tar, OCI, compression.

mod boot_archive;
mod compress;
mod disk;
mod erofs;
pub mod fixture;
mod hostile_layout;
mod hostile_tar;
mod judges;
mod outputs;
mod round_trip;
