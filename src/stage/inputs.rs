//! What a configured tree is made from.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::tree::Epoch;

/// Raised whenever the same inputs would give another tree: it is part of every key.
const SANDBOX_VERSION: u32 = 3;

/// All that a configured tree is made from, and how to make it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inputs {
    /// The packages, in any order; their order never matters.
    pub packages: Vec<Package>,
    /// The image's architecture by Debian's name: `amd64`.
    pub architecture: String,
    /// The build's only clock.
    pub epoch: Epoch,
    /// Who provides the initrd.
    pub initrd: Initrd,
    /// The longest that a single maintainer script may take; does not reach the result.
    pub script_limit: Duration,
    /// Where the root is staged; does not reach the result.
    pub staging: Staging,
    /// Whether karat stands in for programs that scripts start often.
    pub stand_ins: StandIns,
    /// The `karat` program that is started as the worker; `None`: this very program.
    pub worker: Option<PathBuf>,
}

/// One `.deb` file and what the lock says about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Where the file is.
    pub path: PathBuf,
    /// `Package` field.
    pub name: String,
    /// `Version` field, as written.
    pub version: String,
    /// `Architecture` field: the image's own, or `all`.
    pub architecture: String,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

/// Who provides the initrd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initrd {
    /// karat: the image's dpkg is told that `linux-initramfs-tool` is there already.
    Karat,
    /// A package, or nobody.
    Package,
}

/// Where the root is staged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Staging {
    /// In memory if there is room, else below `$TMPDIR`.
    Automatic,
    /// Below this directory.
    Directory(PathBuf),
}

/// Whether karat stands in for programs that scripts start often
/// ([`stand_in`](super::stand_in)); the result is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandIns {
    /// It does, for those whose bytes it knows.
    Used,
    /// Scripts run nothing but what packages brought.
    Unused,
}

impl Inputs {
    /// Packages for an architecture and an epoch, everything else as usual.
    pub fn new(packages: Vec<Package>, architecture: impl Into<String>, epoch: Epoch) -> Self {
        Self {
            packages,
            architecture: architecture.into(),
            epoch,
            initrd: Initrd::Package,
            script_limit: Duration::from_mins(15),
            staging: Staging::Automatic,
            stand_ins: StandIns::Used,
            worker: None,
        }
    }

    /// The name of the tree that these inputs give: the digest of all that can reach a byte of it.
    pub fn key(&self) -> Digest {
        let mut packages: Vec<&Package> = self.packages.iter().collect();
        packages.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        let mut hasher = Hasher::new();
        let mut field = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update(b"\n");
        };
        field("karat configured tree");
        field(&SANDBOX_VERSION.to_string());
        field(&self.architecture);
        field(&self.epoch.to_string());
        field(match self.initrd {
            Initrd::Karat => "initrd karat",
            Initrd::Package => "initrd package",
        });
        // Who asks for none wants to see a tree that was made without.
        if self.stand_ins == StandIns::Unused {
            field("no stand-ins");
        }
        for package in packages {
            field(&format!(
                "{} {} {} {}",
                package.name, package.version, package.architecture, package.sha256
            ));
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, contents: &str) -> Package {
        Package {
            path: PathBuf::from("/nowhere"),
            name: name.to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
            sha256: Digest::of(contents.as_bytes()),
        }
    }

    #[test]
    fn the_key_follows_what_reaches_the_tree_and_nothing_else() {
        let epoch = Epoch::new(1).unwrap();
        let inputs = Inputs::new(vec![package("a", "a"), package("b", "b")], "amd64", epoch);
        let mut other = Inputs::new(vec![package("b", "b"), package("a", "a")], "amd64", epoch);
        other.script_limit = Duration::from_secs(1);
        other.staging = Staging::Directory(PathBuf::from("/elsewhere"));
        other.packages[0].path = PathBuf::from("/other");
        assert_eq!(inputs.key(), other.key());
        other.initrd = Initrd::Karat;
        assert_ne!(inputs.key(), other.key());
        other = inputs.clone();
        other.stand_ins = StandIns::Unused;
        assert_ne!(inputs.key(), other.key());
        other = inputs.clone();
        other.packages[1].sha256 = Digest::of(b"c");
        assert_ne!(inputs.key(), other.key());
        other = inputs.clone();
        other.epoch = Epoch::new(2).unwrap();
        assert_ne!(inputs.key(), other.key());
    }
}
