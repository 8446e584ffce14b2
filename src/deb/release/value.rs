//! A Release file as a value.

use std::collections::BTreeMap;

use crate::deb::Architecture;
use crate::tree::{Content, Epoch};

/// Where an archive keeps its Release file and its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A suite below `dists/`, with an index for each component and architecture.
    Suite,
    /// A flat repository: one directory, with one index of everything beside the Release. That
    /// says what apt needs of it and no more: neither a name, nor components, nor architectures;
    /// where it does not say when it was made, the signature does.
    Flat,
}

impl Layout {
    /// That of the suite which a template or a lock calls so: a flat repository's ends in `/`.
    pub fn of(suite: &str) -> Self {
        if suite.ends_with('/') {
            Self::Flat
        } else {
            Self::Suite
        }
    }
}

/// A Release file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the file")]
pub struct Release {
    /// Where its archive keeps it.
    pub layout: Layout,
    /// Who makes it (`Origin`); empty where it does not say.
    pub origin: String,
    /// What it is (`Label`); empty where it does not say.
    pub label: String,
    /// `Suite`, for example `stable-security`; empty where it does not say.
    pub suite: String,
    /// `Codename`, for example `trixie-security`; empty where it does not say.
    pub codename: String,
    /// `Version`, for example `13.1`; empty where it does not say.
    pub version: String,
    /// When it was made; for a flat repository that does not say so, when it was signed.
    pub date: Epoch,
    /// Until when it may be used, where it says so.
    pub valid_until: Option<Epoch>,
    /// What it has packages for; empty for a flat repository, as nobody reads it there.
    pub architectures: Vec<Architecture>,
    /// Its components; empty for a flat repository.
    pub components: Vec<String>,
    /// Whether indexes can be fetched by their digest.
    pub by_hash: bool,
    /// apt installs from it only on demand (`NotAutomatic`).
    pub not_automatic: bool,
    /// apt upgrades from it what came from it (`ButAutomaticUpgrades`).
    pub but_automatic_upgrades: bool,
    /// Packages for `all` are listed in each architecture's index as well.
    pub all_is_everywhere: bool,
    /// The files of the SHA256 section, by path.
    pub files: BTreeMap<String, Content>,
}
