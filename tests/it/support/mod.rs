//! Fixtures made by code, and the outside judges.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each helper is used by some of the modules only"
)]

pub mod apt;
pub mod deb;
pub mod history;
pub mod log;
pub mod pe;
pub mod pgp;
pub mod repository;
pub mod root;
pub mod schema;
pub mod server;
pub mod signed;
pub mod toolbox;
pub mod trust;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is removed with all it holds at the end of a test.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty directory under Cargo's own temporary directory.
    pub fn new(name: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A program that karat's authors did not write, and whose word counts.
pub struct Judge(String);

impl Judge {
    /// A run of the program.
    pub fn command(&self) -> Command {
        Command::new(&self.0)
    }
}

/// The judge called `program`; where it is not installed the test is skipped, unless
/// `KARAT_ORACLES=required`.
pub fn judge(program: &str) -> Option<Judge> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(program))
        .find(|file| file.is_file());
    if let Some(file) = found {
        return Some(Judge(file.to_string_lossy().into_owned()));
    }
    skip(&format!("{program} not installed"));
    None
}

/// Notes that a test cannot judge here; panics where `KARAT_ORACLES=required`.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    assert!(
        std::env::var_os("KARAT_ORACLES").is_none_or(|value| value != "required"),
        "{name}: {reason}"
    );
    println!("SKIPPED {name}: {reason}");
}

/// Notes that a test says nothing about whoever runs it: an ordinary user's limits do not bind root.
pub fn not_for(whom: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    println!("SKIPPED {name}: it says nothing about {whom}");
}
