//! Whole builds from the real archive: what a user does, by the commands that a user types.

mod agent;
mod boot;
mod disk;
mod hardened;
mod image;
mod initrd;
mod instance;
mod interrupted;
mod reproducible;
mod room;
mod scap;
mod shipped;
mod signing;
mod slots;
mod stand_ins;
mod uefi;
mod workshop;
