//! What is wanted.

use std::fmt;
use std::str::FromStr;

use super::Pin;
use crate::deb::{Architecture, NameError, PackageName, Version, VersionError};

/// What is wanted from a universe.
///
/// Besides [`roots`](Self::roots), every package that is `Essential: yes` or has the priority
/// `required` is always wanted, as in mmdebstrap's variant `required`.
#[derive(Clone, Debug)]
pub struct Request {
    /// The one architecture; packages of it and of `all` can be chosen.
    pub architecture: Architecture,
    /// What was asked for, in order; the order matters as little as with apt, but it does.
    pub roots: Vec<Wanted>,
    /// Whether recommended packages are installed too.
    pub recommends: bool,
    /// Preferences, the earlier the stronger.
    pub pins: Vec<Pin>,
    /// What counts as installed without being a package.
    pub provided: Vec<Provided>,
}

impl Request {
    /// A request for the base system alone.
    pub fn new(architecture: Architecture) -> Self {
        Self {
            architecture,
            roots: Vec::new(),
            recommends: false,
            pins: Vec::new(),
            provided: Vec::new(),
        }
    }
}

/// One package that was asked for: `name`, or `name=version`.
///
/// A name that is not a package, but that exactly one package provides, stands for that package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The package.
    pub name: PackageName,
    /// The version, if it must be this one.
    pub version: Option<Version>,
}

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        if let Some((name, suite)) = text.split_once('/') {
            return Err(WantedError::Suite {
                name: crate::deb::name::excerpt(name),
                suite: crate::deb::name::excerpt(suite),
            });
        }
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(version.parse()?)),
            None => (text, None),
        };
        Ok(Self {
            name: name.parse()?,
            version,
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}={version}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// Text that is not a [`Wanted`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// Not a package name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not a version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// `name/suite`, which apt extends to dependencies by rules of its own.
    #[error("{name}/{suite}: a suite cannot be asked for by name; pin the package to it instead")]
    Suite {
        /// The name before the slash.
        name: String,
        /// What stands behind it.
        suite: String,
    },
}

/// A package that counts as installed: somebody else does its work.
///
/// No index may have a package of its name, and a chosen package may not conflict with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provided {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// What it provides, without versions.
    pub provides: Vec<PackageName>,
}
