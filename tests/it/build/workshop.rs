//! A place to build in: a workspace, a cache that all tests share, and the command.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Scratch, skip};

/// A workspace with the shipped templates, whose `small.toml` has few packages and all shapes.
pub(super) struct Workshop {
    scratch: Scratch,
}

/// A small server: fewer packages than the shipped ones, so that tests are quick, with one of
/// everything that a template can change.
const SMALL: &str = r#"
packages = ["systemd", "systemd-sysv", "openssh-server", "nginx-light", "iputils-ping", "apt"]

[image]
name = "small"
version = "1"

[source]
suite = "trixie"

[[files]]
path = "/etc/motd"
content = "a small server\n"

[[users]]
name = "operator"
groups = ["systemd-journal"]

[services]
enable = ["nginx.service"]

[kernel.sysctl]
"net.ipv4.ip_forward" = "0"

[[verify.mutable]]
path = "/var/log/**"
class = "volatile"
"#;

impl Workshop {
    /// A fresh workspace; `None`, said so, where this machine names no Debian mirror or cannot
    /// make sandboxes.
    pub(super) fn new(name: &str) -> Option<Self> {
        if !has_mirror() {
            skip("no Debian mirror: neither KARAT_MIRROR nor this machine's apt names one");
            return None;
        }
        let workshop = Self {
            scratch: Scratch::new(name),
        };
        // Others must be able to get in: some builds run as another user.
        open(workshop.scratch.path());
        workshop.succeed(["init", "workspace", "--no-passphrase"]);
        fs::write(workshop.path("workspace/templates/small.toml"), SMALL).unwrap();
        Some(workshop)
    }

    /// With the lock of the small template, and its packages in the shared cache.
    pub(super) fn locked(name: &str) -> Option<Self> {
        let workshop = Self::new(name)?;
        workshop.succeed(["lock", "workspace/templates/small.toml"]);
        Some(workshop)
    }

    /// Gives the trust root a key that says who peers are, before anything is built.
    pub(super) fn fleet_key(&self) {
        let private = "workspace/keys/private/fleet.pem";
        self.succeed(["key", "new", "--out", private, "--public", "fleet.pub.pem"]);
        let add = [
            "trust",
            "update",
            "--add-key",
            "fleet=fleet.pub.pem",
            "--yes",
        ];
        self.succeed(add.iter().chain(&["--workspace", "workspace"]));
    }

    /// A signed document with the same two networks for each of `peers`.
    pub(super) fn peers(&self, segment: &str, serial: u64, peers: &[String]) -> Vec<u8> {
        let sets = peers
            .iter()
            .map(|name| format!("\"{name}\" = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n"));
        let text = format!(
            "segment = \"{segment}\"\nserial = {serial}\nexpires = \"2999-01-01\"\n[sets]\n{}",
            sets.collect::<String>()
        );
        fs::write(self.path("peers.toml"), text).unwrap();
        let sign = [
            "segment",
            "peers",
            "sign",
            "peers.toml",
            "-o",
            "peers.dsse.json",
        ];
        self.succeed(sign.iter().chain(&["--workspace", "workspace"]));
        let show = ["segment", "peers", "show", "peers.dsse.json"];
        let text = self.succeed(show.iter().chain(&["--workspace", "workspace"]));
        assert!(text.contains("192.0.2.0/24 2001:db8::/32"), "{text}");
        self.read("peers.dsse.json")
    }

    /// A path in it.
    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.scratch.join(name)
    }

    /// A run of karat in it, with nothing of this machine's environment but the way to the mirror.
    pub(super) fn karat(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command.current_dir(self.scratch.path()).env_clear();
        for name in [
            "PATH",
            "KARAT_MIRROR",
            "KARAT_SECURITY_MIRROR",
            "http_proxy",
            "https_proxy",
            "no_proxy",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.scratch.path())
            .env("XDG_CACHE_HOME", shared_cache());
        command
    }

    /// Runs karat and gives its exit code and everything that it said.
    pub(super) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> (i32, String) {
        said(&self.karat().args(args).output().unwrap())
    }

    /// Runs karat, which must succeed.
    pub(super) fn succeed<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let (code, text) = self.run(args);
        assert_eq!(code, 0, "{text}");
        text
    }

    /// Builds the small template into `out`.
    pub(super) fn build(&self, out: &str, more: &[&str]) -> String {
        let args = ["build", "workspace/templates/small.toml", "-o", out];
        self.succeed(args.iter().chain(more))
    }

    /// Reads a file of the workshop.
    pub(super) fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// The exit code of a run and everything that it said.
pub(super) fn said(output: &Output) -> (i32, String) {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

/// Unpacks an archive as root would, attributes and owners included.
pub(super) fn unpack(archive: &Path, root: &Path) {
    fs::create_dir(root).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"]);
    let (code, text) = said(&tar.arg(archive).arg("-C").arg(root).output().unwrap());
    assert_eq!(code, 0, "{text}");
}

/// Lets everybody read and enter.
pub(super) fn open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Packages and configured trees are the same for all tests: fetched and made once.
pub(super) fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared-cache")
}

fn has_mirror() -> bool {
    std::env::var_os("KARAT_MIRROR").is_some()
        || karat::archive::apt::discover(Path::new("/etc/apt"))
            .is_ok_and(|found| found.mirrors.main.is_some())
}
