//! `[source]` of a resolved template: the distribution, pins, further repositories, and files that a
//! template brings along.

use std::fmt;

use super::names::{ComponentName, RepositoryName, Snapshot, SuiteName, Uri};
use crate::tree::Content;

/// `[source]`: where packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which distribution.
    pub distribution: Distribution,
    /// Its suite, by code name.
    pub suite: SuiteName,
    /// Components of the archive; never empty.
    pub components: Vec<ComponentName>,
    /// Further suites of the same release.
    pub pockets: Vec<Pocket>,
    /// A moment of the archive, for mirrors that keep its past.
    pub snapshot: Option<Snapshot>,
    /// The mirror; `None` leaves it to the environment and the machine's own apt sources.
    pub mirror: Option<Uri>,
    /// The mirror of the security pocket; `None` as for `mirror`.
    pub security_mirror: Option<Uri>,
    /// Keys that sign the archive, in the place of the shipped ones.
    pub keyring: Option<SourceFile>,
    /// Whether Recommends are installed too.
    pub recommends: bool,
    /// Preferences among versions, in the order stated, inherited ones first.
    pub pins: Vec<Pin>,
    /// Further repositories, in the order stated, inherited ones first.
    pub extra: Vec<Repository>,
}

/// A distribution that this version builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distribution {
    /// Debian.
    Debian,
}

/// A suite that goes with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pocket {
    /// `SUITE-backports`.
    Backports,
    /// `SUITE-proposed-updates`.
    ProposedUpdates,
    /// `SUITE-security`, on the security mirror.
    Security,
    /// `SUITE-updates`.
    Updates,
}

/// A file that a template brings along for karat's own use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the template states it.
    pub source: String,
    /// The bytes.
    pub body: Body,
}

/// Bytes and their name.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Digest and size of `bytes`.
    pub content: Content,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// `[[source.pins]]`: a preference, as in `apt_preferences(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Which packages; `*` is any run of characters, `?` one.
    pub package: String,
    /// Which of their versions.
    pub target: PinTarget,
    /// From -32768 to 32767; 1001 and more allow a downgrade, negative ones forbid.
    pub priority: i32,
}

/// What a pin prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinTarget {
    /// Versions that fit this pattern.
    Version(String),
    /// Versions of this suite (`trixie-backports`).
    Suite(SuiteName),
}

/// `[[source.extra]]`: a further repository with its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// What the template calls it.
    pub name: RepositoryName,
    /// Its base.
    pub uri: Uri,
    /// Its suite; one that ends in `/` is a flat repository's directory.
    pub suite: SuiteName,
    /// Its components; empty for a flat repository only.
    pub components: Vec<ComponentName>,
    /// The keys that sign it.
    pub key: SourceFile,
    /// Its priority; `None` is apt's 500.
    pub priority: Option<i32>,
}

impl Body {
    /// Names `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            content: Content::of(&bytes),
            bytes,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.content.fmt(f)
    }
}
