//! A lock file as a value.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::deb::openpgp::Fingerprint;
use crate::deb::{Architecture, PackageName, Version};
use crate::digest::Digest;
use crate::limits;
use crate::tree::{Content, Epoch};

/// What a template resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockfile {
    /// The only clock of builds from this lock.
    pub epoch: Epoch,
    /// The architecture of the image.
    pub architecture: Architecture,
    /// The distribution: `debian`.
    pub distribution: String,
    /// Its suite, by code name.
    pub suite: String,
    /// The agent that goes into the image, if one does.
    pub agent: Option<Digest>,
    /// The digest of everything in the template that decides about packages.
    pub template: Digest,
    /// The same in words, as far as a person would want to see what changed.
    pub basis: Basis,
    /// The Release files that were used, sorted by name.
    pub releases: Vec<LockedRelease>,
    /// The packages, sorted by name, then architecture.
    pub packages: Vec<LockedPackage>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The packages named by the template: `NAME` or `NAME=VERSION`; sorted.
    pub packages: Vec<String>,
    /// Components of the archive, sorted.
    pub components: Vec<String>,
    /// Suites besides the main one, sorted: `security`, `updates` …
    pub pockets: Vec<String>,
    /// Names of further repositories, sorted.
    pub extra: Vec<String>,
    /// Whether Recommends were installed.
    pub recommends: bool,
    /// Who makes the initrd: `karat` or `distribution`.
    pub initrd: String,
    /// The kernel of images that boot, if the template states one: `generic` or `cloud`.
    pub flavour: Option<String>,
    /// The moment of the archive's past that was asked for.
    pub snapshot: Option<String>,
}

/// A Release file that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedRelease {
    /// Which one.
    pub name: SourceName,
    /// When it was made.
    pub date: Epoch,
    /// Until when it was in force, if it said so.
    pub valid_until: Option<Epoch>,
    /// The digest of the whole InRelease file.
    pub digest: Digest,
    /// The keys whose signatures counted, sorted.
    pub signed_by: Vec<Fingerprint>,
}

/// A package to unpack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture: the image's, or `all`.
    pub architecture: Architecture,
    /// Digest and size of the `.deb` file.
    pub content: Content,
    /// Where the file is, relative to the archive's base.
    pub path: String,
    /// The Release that vouches for it.
    pub source: SourceName,
    /// Whether only images that boot have it.
    pub boot: bool,
}

/// The name of a Release file: `ARCHIVE/SUITE`. The archive is `debian`, `debian-security`, or what
/// the template calls a further repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceName {
    archive: Box<str>,
    suite: Box<str>,
}

/// Text that is not the name of a Release file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a source is ARCHIVE/SUITE, of letters, digits and the characters +-._~/")]
pub struct SourceNameError;

impl Lockfile {
    /// The lock file that belongs to a template: `x.lock` beside `x.toml`.
    pub fn beside(template: &Path) -> PathBuf {
        template.with_extension("lock")
    }

    /// The digest of its canonical text: the same for two files that say the same.
    pub fn digest(&self) -> Digest {
        Digest::of(self.encode().as_bytes())
    }

    /// The Release with that name.
    pub fn release(&self, name: &SourceName) -> Option<&LockedRelease> {
        self.releases.iter().find(|release| release.name == *name)
    }

    /// The package with that name, in the image's architecture or `all`.
    pub fn package(&self, name: &PackageName) -> Option<&LockedPackage> {
        self.packages.iter().find(|package| package.name == *name)
    }

    /// The bytes of all `.deb` files together.
    pub fn size(&self) -> u64 {
        self.packages
            .iter()
            .map(|package| package.content.size)
            .sum()
    }

    /// The lock of an image that boots, or of one that does not: without what only the former has.
    #[must_use]
    pub fn for_image(mut self, boots: bool) -> Self {
        self.packages.retain(|package| boots || !package.boot);
        self
    }

    /// Brings releases and packages into their order; what stands there twice stays so.
    pub fn sort(&mut self) {
        self.releases.sort_by(|a, b| a.name.cmp(&b.name));
        self.packages
            .sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
    }
}

impl SourceName {
    /// A name of these parts.
    ///
    /// # Errors
    /// One of them has characters that it may not have.
    pub fn new(archive: &str, suite: &str) -> Result<Self, SourceNameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~".contains(&byte);
        let valid = |text: &str, more: u8| {
            !text.is_empty()
                && text.len() <= limits::NAME_MAX
                && text.bytes().all(|byte| plain(byte) || byte == more)
        };
        // The archive is a directory of a vendored copy.
        if valid(archive, b'-') && ![".", ".."].contains(&archive) && valid(suite, b'/') {
            Ok(Self {
                archive: archive.into(),
                suite: suite.into(),
            })
        } else {
            Err(SourceNameError)
        }
    }

    /// The archive: which base its paths are relative to.
    pub fn archive(&self) -> &str {
        &self.archive
    }

    /// The suite.
    pub fn suite(&self) -> &str {
        &self.suite
    }
}

impl FromStr for SourceName {
    type Err = SourceNameError;

    fn from_str(text: &str) -> Result<Self, SourceNameError> {
        let (archive, suite) = text.split_once('/').ok_or(SourceNameError)?;
        Self::new(archive, suite)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.archive, self.suite)
    }
}

impl fmt::Debug for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for SourceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
