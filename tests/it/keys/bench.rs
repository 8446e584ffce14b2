//! karat as people run it: a workspace with plain keys, and what is in its files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use karat::baseline::{Baseline, Draft, Statement};
use karat::envelope::Envelope;
use karat::key::TrustRoot;
use serde_json::Value;

use crate::support::Scratch;

/// A directory, and karat run in it.
pub struct Bench {
    pub scratch: Scratch,
}

impl Bench {
    /// A workspace with plain keys.
    pub fn new() -> Self {
        let bench = Self {
            scratch: Scratch::new("keys"),
        };
        bench.ok("init --no-passphrase --name example.com/log");
        bench
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.scratch.path())
            .env_remove("KARAT_ROOT_PASSPHRASE")
            .env_remove("KARAT_KEY_PASSPHRASE")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "karat {arguments}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} --json"))).unwrap()
    }

    /// The exit code and what was said, for a run that must fail.
    pub fn fails(&self, arguments: &str) -> (i32, String) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "karat {arguments} passed");
        (output.status.code().unwrap(), error)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.scratch.join(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn draft(&self, file: &str, baseline: Baseline) {
        let draft = Draft::new(baseline).unwrap();
        self.write(file, &draft.to_bytes().unwrap());
    }

    pub fn mode(&self, name: &str) -> u32 {
        let stat = std::fs::metadata(self.scratch.join(name)).unwrap();
        stat.permissions().mode() & 0o7777
    }

    pub fn root(&self) -> TrustRoot {
        TrustRoot::parse(&self.read("keys/trust.json")).unwrap()
    }

    pub fn statement(&self, file: &str) -> Statement {
        let envelope = Envelope::parse(&self.read(file)).unwrap();
        envelope.open(&self.root()).unwrap().into_inner()
    }
}
