//! `karat diff`: baselines and images.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use karat::ops::diff::{DiffError, Difference};

mod baselines;
mod facts;
mod hostile;
mod images;
mod markdown;

fn diff(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Difference, DiffError> {
    karat::ops::diff::diff(from.as_ref(), to.as_ref(), NonZero::new(2).unwrap())
}

/// Exit code and standard output of `karat diff`.
fn run(from: impl AsRef<Path>, to: impl AsRef<Path>, options: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .arg("diff")
        .args([from.as_ref(), to.as_ref()])
        .args(options)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

/// Every change as one line.
fn changes(difference: &Difference) -> Vec<String> {
    let line = |path: &karat::ops::diff::PathChange| {
        let origin = path.origin.as_deref().unwrap_or("?");
        format!("{} {} {origin}", path.path, path.change)
    };
    difference.paths.iter().map(line).collect()
}
