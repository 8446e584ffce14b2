//! A workspace with a history: signed, rotated, revoked, recovered. It has every kind of entry that a
//! log of karat's has.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use karat::baseline::Draft;
use karat::key::{PublicKey, TrustRoot};
use serde_json::Value;

use super::Scratch;
use super::schema::published;
use crate::keys::fixture::baseline;

/// A workspace with plain keys, among them one of the role `revoke`; and karat run in it.
pub struct History {
    pub scratch: Scratch,
}

/// What [`History::told`] leaves in the log, entry by entry.
pub const KINDS: [&str; 8] = [
    "trust",  // 0: version 1, as `karat init` makes it
    "signed", // 1: web 1.0, serial 1, by the first baseline key
    "trust",  // 2: version 2, `karat key rotate baseline`
    "signed", // 3: web 2.0, serial 2, by the second baseline key
    "revoke", // 4: the second baseline key, by the key of the role revoke
    "trust",  // 5: version 3, `karat key rotate baseline`: the second key counts no more from 4 on
    "signed", // 6: web 3.0, serial 3, by the third baseline key
    "retire", // 7: web, serial 2
];

impl History {
    /// A workspace in which nothing was signed yet.
    pub fn new(name: &str) -> Self {
        let history = Self {
            scratch: Scratch::new(name),
        };
        history.ok("init --no-passphrase --revoke-key --name example.com/log");
        history
    }

    /// The whole story: [`KINDS`].
    pub fn told(name: &str) -> Self {
        let history = Self::new(name);
        history.release("web", "1.0");
        history.ok("key rotate baseline --yes");
        history.release("web", "2.0");
        // The emergency: no root key is at hand.
        history.aside("root", "away.pem");
        let stolen = history.id("keys/private/baseline.pem");
        history.ok(&format!("key revoke {stolen} --reason stolen --yes"));
        history.ok("trust discard");
        history.draft("web", "3.0");
        history.fails("sign web_3.0.statement.json");
        // And the recovery.
        history.back("away.pem", "root");
        history.ok("key rotate baseline --reason stolen --yes");
        history.release("web", "3.0");
        history.ok("log retire web --serial 2 --reason stolen --yes");
        history
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
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

    /// Exit code, standard output and standard error.
    pub fn run(&self, arguments: &str) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    pub fn ok(&self, arguments: &str) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "karat {arguments}: {out}{err}");
        out
    }

    pub fn json(&self, schema: &str, arguments: &str) -> Value {
        published(schema).holds(&self.ok(&format!("{arguments} --json")))
    }

    pub fn fails(&self, arguments: &str) -> (i32, String) {
        let (code, out, err) = self.run(arguments);
        assert_ne!(code, 0, "karat {arguments} passed: {out}");
        (code, err)
    }

    /// Writes the draft of an image: `NAME_VERSION.statement.json`.
    pub fn draft(&self, name: &str, version: &str) {
        let draft = Draft::new(baseline(name, version)).unwrap();
        let file = self.path(&format!("{name}_{version}.statement.json"));
        std::fs::write(file, draft.to_bytes().unwrap()).unwrap();
    }

    /// Drafts, signs and logs an image; gives its place in the log.
    pub fn release(&self, name: &str, version: &str) -> u64 {
        self.draft(name, version);
        let signed = self.json("sign", &format!("sign {name}_{version}.statement.json"));
        signed["log_index"].as_u64().unwrap()
    }

    /// The same where the log's key is not at hand.
    pub fn release_unlogged(&self, name: &str, version: &str) {
        self.draft(name, version);
        self.ok(&format!("sign {name}_{version}.statement.json"));
    }

    /// The id of a key.
    pub fn id(&self, file: &str) -> String {
        let shown = self.json("key", &format!("key show {file}"));
        shown["id"].as_str().unwrap().to_owned()
    }

    /// The public half of a key.
    pub fn public(&self, file: &str) -> PublicKey {
        let shown = self.json("key", &format!("key show {file}"));
        PublicKey::from_file(shown["public"].as_str().unwrap().as_bytes()).unwrap()
    }

    /// Takes the private key of a role away, to the file `to`.
    pub fn aside(&self, role: &str, to: &str) {
        let from = self.path(&format!("keys/private/{role}.pem"));
        std::fs::rename(from, self.path(to)).unwrap();
    }

    /// Brings it back.
    pub fn back(&self, from: &str, role: &str) {
        let to = self.path(&format!("keys/private/{role}.pem"));
        std::fs::rename(self.path(from), to).unwrap();
    }

    pub fn root(&self) -> TrustRoot {
        let file = std::fs::read(self.path("keys/trust.json")).unwrap();
        TrustRoot::parse(&file).unwrap()
    }

    /// The entries of `log/`, as `karat log show` has them.
    pub fn entries(&self) -> Vec<Value> {
        let shown = self.json("log-show", "log show log");
        shown["entries"].as_array().unwrap().clone()
    }

    /// The kinds of the entries of `log/`.
    pub fn kinds(&self) -> Vec<String> {
        let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
        self.entries().iter().map(kind).collect()
    }
}
