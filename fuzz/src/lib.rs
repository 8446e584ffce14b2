//! The targets of `tests/it/fuzz/targets`, for libFuzzer.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the fixtures are those of the tests, which use all of them"
)]

// What the targets import, under the names that it has in the tests.
mod image;
mod keys;
mod support;

#[path = "../../tests/it/fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Writes the seeds of the target `name` to `corpus/NAME`, where cargo-fuzz makes libFuzzer look.
///
/// # Panics
/// They cannot be written, or there is no such target.
pub fn seed(name: &str) {
    let target = targets::target(name).expect("a target of the list");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    fs::create_dir_all(&directory).expect("a directory");
    let seeds = [(target.seeds)(), targets::found(name)].concat();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("seed-{number:03}")), seed).expect("a seed");
    }
}

/// Runs the target `name`.
///
/// # Panics
/// The bytes break one of its properties, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::target(name).expect("a target of the list");
    (target.run)(bytes);
}
