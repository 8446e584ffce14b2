//! `karat-agent`: what an instance carries.

fn main() {}
