//! Whole builds from the real archive: what a user does, by the commands that a user types.

mod image;
mod interrupted;
mod reproducible;
mod signing;
mod workshop;
