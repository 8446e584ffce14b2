//! The strict reader of lock files.

use std::fmt;

use serde::Deserialize;

use super::value::{Basis, LockedPackage, LockedRelease, Lockfile, SourceName};
use super::write::VERSION;
use crate::deb::openpgp::Fingerprint;
use crate::deb::release::is_below;
use crate::deb::{Architecture, PackageName, Version};
use crate::digest::Digest;
use crate::limits;
use crate::tree::{Content, Epoch};

/// Why a lock file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is larger than [`limits::LOCKFILE_MAX`].
    #[error("the lock file is larger than {} bytes", limits::LOCKFILE_MAX)]
    TooLarge,
    /// It is not TOML of the lock file's shape.
    #[error("the lock file is malformed: {0}")]
    Malformed(String),
    /// Another version of karat wrote it.
    #[error("the lock file has version {0}; this karat reads version {VERSION}")]
    Version(i64),
    /// There are more packages than any image has.
    #[error("the lock file has {0} packages, more than {max}", max = limits::LOCKED_PACKAGES_MAX)]
    TooManyPackages(usize),
    /// Entries stand there twice, or not in their order.
    #[error("the lock file's {list} are not sorted, or one stands there twice: {entry}")]
    Order {
        /// Which list.
        list: &'static str,
        /// The entry that is out of place.
        entry: String,
    },
    /// A package comes from a Release that the lock does not have.
    #[error("the package {package} comes from {name}, which the lock file does not list")]
    UnknownSource {
        /// The package.
        package: PackageName,
        /// The Release.
        name: SourceName,
    },
    /// A path leads out of the archive, or has characters that mean something in a URI.
    #[error("the package {package} has the path {path:?}")]
    Path {
        /// The package.
        package: PackageName,
        /// The path.
        path: String,
    },
    /// A package is of another architecture than the image.
    #[error("the package {package} is for {architecture}")]
    ForeignPackage {
        /// The package.
        package: PackageName,
        /// Its architecture.
        architecture: Architecture,
    },
    /// A package is larger than any.
    #[error(
        "the package {package} is said to have {size} bytes, more than {}",
        limits::DEB_MAX
    )]
    PackageTooLarge {
        /// The package.
        package: PackageName,
        /// Its size.
        size: u64,
    },
    /// The epoch lies after the year 9999.
    #[error("the lock file has a time after the year 9999")]
    Time,
    /// The environment says another epoch than the lock.
    #[error("SOURCE_DATE_EPOCH is {environment}, but the lock was made for {lock}")]
    Epoch {
        /// What the environment says.
        environment: Epoch,
        /// What the lock says.
        lock: Epoch,
    },
}

impl Lockfile {
    /// Reads a lock file.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        if u64::try_from(text.len()).is_ok_and(|length| length > limits::LOCKFILE_MAX) {
            return Err(LockError::TooLarge);
        }
        // The version is looked at first: files of other versions have other shapes.
        let malformed = |error: toml::de::Error| LockError::Malformed(error.to_string());
        let Versioned { version } = toml::from_str(text).map_err(malformed)?;
        if version != VERSION {
            return Err(LockError::Version(version));
        }
        let raw: Raw = toml::from_str(text).map_err(malformed)?;
        if raw.package.len() > limits::LOCKED_PACKAGES_MAX {
            return Err(LockError::TooManyPackages(raw.package.len()));
        }
        let lock = Self {
            epoch: epoch(raw.epoch)?,
            architecture: raw.architecture,
            distribution: raw.distribution,
            suite: raw.suite,
            agent: raw.agent,
            template: raw.template,
            basis: raw.request.into(),
            releases: raw
                .release
                .into_iter()
                .map(LockedRelease::try_from)
                .collect::<Result<_, _>>()?,
            packages: raw.package.into_iter().map(LockedPackage::from).collect(),
        };
        lock.check()?;
        Ok(lock)
    }

    /// Whether `environment`, the value of `SOURCE_DATE_EPOCH` if it is set, agrees.
    ///
    /// # Errors
    /// It says another epoch.
    pub fn check_epoch(&self, environment: Option<Epoch>) -> Result<(), LockError> {
        match environment {
            Some(environment) if environment != self.epoch => Err(LockError::Epoch {
                environment,
                lock: self.epoch,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the parts fit together.
    fn check(&self) -> Result<(), LockError> {
        ordered("releases", &self.releases, |release| &release.name)?;
        ordered("packages", &self.packages, |package| {
            (&package.name, &package.architecture)
        })?;
        for package in &self.packages {
            let name = || package.name.clone();
            if self.release(&package.source).is_none() {
                return Err(LockError::UnknownSource {
                    package: name(),
                    name: package.source.clone(),
                });
            }
            if !is_below(&package.path) {
                return Err(LockError::Path {
                    package: name(),
                    path: package.path.chars().take(80).collect(),
                });
            }
            if package.architecture != self.architecture && !package.architecture.is_all() {
                return Err(LockError::ForeignPackage {
                    package: name(),
                    architecture: package.architecture.clone(),
                });
            }
            if package.content.size > limits::DEB_MAX {
                return Err(LockError::PackageTooLarge {
                    package: name(),
                    size: package.content.size,
                });
            }
        }
        Ok(())
    }
}

fn ordered<'a, T, K: Ord + fmt::Debug>(
    list: &'static str,
    items: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Result<(), LockError> {
    for pair in items.windows(2) {
        if let [before, after] = pair
            && key(before) >= key(after)
        {
            return Err(LockError::Order {
                list,
                entry: format!("{:?}", key(after)),
            });
        }
    }
    Ok(())
}

fn epoch(seconds: u64) -> Result<Epoch, LockError> {
    Epoch::new(seconds).or(Err(LockError::Time))
}

#[derive(Deserialize)]
struct Versioned {
    version: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "version")]
    _version: i64,
    epoch: u64,
    architecture: Architecture,
    distribution: String,
    suite: String,
    agent: Option<Digest>,
    template: Digest,
    request: RawBasis,
    #[serde(default)]
    release: Vec<RawRelease>,
    #[serde(default)]
    package: Vec<RawPackage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBasis {
    packages: Vec<String>,
    components: Vec<String>,
    pockets: Vec<String>,
    extra: Vec<String>,
    recommends: bool,
    initrd: String,
    flavour: Option<String>,
    snapshot: Option<String>,
}

impl From<RawBasis> for Basis {
    fn from(raw: RawBasis) -> Self {
        Self {
            packages: raw.packages,
            components: raw.components,
            pockets: raw.pockets,
            extra: raw.extra,
            recommends: raw.recommends,
            initrd: raw.initrd,
            flavour: raw.flavour,
            snapshot: raw.snapshot,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawRelease {
    name: SourceName,
    date: u64,
    valid_until: Option<u64>,
    sha256: Digest,
    signed_by: Vec<Fingerprint>,
}

impl TryFrom<RawRelease> for LockedRelease {
    type Error = LockError;

    fn try_from(raw: RawRelease) -> Result<Self, LockError> {
        Ok(Self {
            name: raw.name,
            date: epoch(raw.date)?,
            valid_until: raw.valid_until.map(epoch).transpose()?,
            digest: raw.sha256,
            signed_by: raw.signed_by,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    name: PackageName,
    version: Version,
    architecture: Architecture,
    size: u64,
    sha256: Digest,
    path: String,
    source: SourceName,
    #[serde(default)]
    boot: bool,
}

impl From<RawPackage> for LockedPackage {
    fn from(raw: RawPackage) -> Self {
        Self {
            name: raw.name,
            version: raw.version,
            architecture: raw.architecture,
            content: Content {
                digest: raw.sha256,
                size: raw.size,
            },
            path: raw.path,
            source: raw.source,
            boot: raw.boot,
        }
    }
}
