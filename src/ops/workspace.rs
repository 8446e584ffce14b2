//! Where a workspace's things are.
//!
//! ```text
//! WORKSPACE/
//!   templates/            what to build
//!   keys/trust.json       who may sign (public)
//!   keys/trust/N.json     every version of it since the first change
//!   keys/witnesses.policy where the log's witnesses are asked, if it has any
//!   keys/private/         private keys, 0700, ignored by git
//!   log/                  what was signed
//! ```

use std::path::{Path, PathBuf};

use crate::sys::fs::{self, IoError};

/// A directory that holds `keys/trust.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that `root` is, or shall become.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The nearest workspace at or above `start`; `None` where there is none.
    ///
    /// # Errors
    /// A directory on the way cannot be examined.
    pub fn find(start: impl AsRef<Path>) -> Result<Option<Self>, IoError> {
        let start = start.as_ref();
        // `Path::parent` of a bare file name is the empty path.
        let start = if start.as_os_str().is_empty() {
            Path::new(".")
        } else {
            start
        };
        let start = fs::absolute(start)?;
        for directory in start.ancestors() {
            let workspace = Self::at(directory);
            // Below a file there is nothing: whoever wanted a directory says so better.
            if fs::is_dir(directory)? && fs::exists(workspace.trust_root())? {
                return Ok(Some(workspace));
            }
        }
        Ok(None)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `templates/`.
    pub fn templates(&self) -> PathBuf {
        self.root.join("templates")
    }

    /// `keys/`: public material.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// `keys/trust.json`.
    pub fn trust_root(&self) -> PathBuf {
        self.keys().join("trust.json")
    }

    /// `keys/trust.draft.json`: the next trust root, while it collects signatures.
    pub fn draft(&self) -> PathBuf {
        self.keys().join("trust.draft.json")
    }

    /// `keys/trust/N.json`: version N of the trust root.
    pub fn trust_version(&self, version: u64) -> PathBuf {
        self.keys().join("trust").join(format!("{version}.json"))
    }

    /// `keys/witnesses.policy`: where the log's witnesses are asked (tlog-policy).
    pub fn witnesses(&self) -> PathBuf {
        self.keys().join("witnesses.policy")
    }

    /// `keys/private/signers.toml`: where private keys are that are not in this directory.
    pub fn signers(&self) -> PathBuf {
        self.private_keys().join("signers.toml")
    }

    /// `keys/private/`.
    pub fn private_keys(&self) -> PathBuf {
        self.keys().join("private")
    }

    /// The private key of a role: `keys/private/ROLE.pem`.
    pub fn private_key(&self, role: &str) -> PathBuf {
        self.private_keys().join(format!("{role}.pem"))
    }

    /// `log/`.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }
}
