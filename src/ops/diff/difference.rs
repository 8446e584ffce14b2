//! What `karat diff` finds, as a value.

use std::collections::BTreeMap;

use serde::Serialize;

pub use crate::appraise::{Lines, Unified};
use crate::harden::Outcome;

/// What differs between two baselines or images.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What is compared with.
    pub from: Side,
    /// What is compared.
    pub to: Side,
    /// Packages, by name; none where one side knows too little about its own.
    pub packages: Vec<PackageChange>,
    /// Paths, in bytewise order; one that changed in several ways stands there for each.
    pub paths: Vec<PathChange>,
    /// Patterns of mutable paths that only the newer one has, and how far they let paths differ;
    /// none where one side does not say.
    pub mutable_added: BTreeMap<String, &'static str>,
    /// Patterns of mutable paths that only the older one has.
    pub mutable_removed: BTreeMap<String, &'static str>,
    /// Runtime facts that are expected otherwise, by kind and name; none where one side does not
    /// say.
    pub facts: Vec<FactChange>,
    /// Hardening rules of which something else came, by id; none where one side has no results.
    pub rules: Vec<RuleChange>,
    /// What could not be looked at on one side: neither it nor, where it is a directory, what lies
    /// below is compared.
    pub not_compared: Vec<NotCompared>,
}

/// One of the two.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// What was named.
    pub file: String,
    /// What that is.
    pub kind: SideKind,
    /// The image's name, where a statement says it.
    pub name: Option<String>,
    /// The image's version, where a statement says it.
    pub version: Option<String>,
    /// The release's serial, where an envelope says it.
    pub serial: Option<u64>,
    /// How many paths there are.
    pub paths: usize,
    /// Bytes of all regular files, hard links counted once.
    pub bytes: u64,
    /// Who says which package, script or section of the template put a path there.
    pub origins_from: Option<OriginsFrom>,
    /// Who says which versions packages have.
    pub versions_from: Option<VersionsFrom>,
    /// What a reader should know about this side, in whole sentences.
    pub notes: Vec<String>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SideKind {
    /// A manifest, alone or with the statement that names it.
    Baseline,
    /// A directory tree, such as an unpacked image.
    Directory,
    /// An EROFS image.
    Erofs,
    /// An OCI image layout.
    Oci,
    /// A tar archive.
    Tar,
}

/// Where the owners of paths are known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginsFrom {
    /// The lists of the image's own dpkg database.
    Dpkg,
    /// The manifest; of an image, the one that it holds itself.
    Manifest,
}

/// Where the versions of packages are known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionsFrom {
    /// The status file of the image's own dpkg database.
    Dpkg,
    /// The lock beside it.
    Lock,
}

/// A package that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub change: Event,
    /// The version in the older one, where it is known.
    pub from: Option<String>,
    /// The version in the newer one, where it is known.
    pub to: Option<String>,
    /// How many of its paths differ.
    pub paths: u64,
    /// Bytes of its regular files in the newer one less those in the older one.
    pub bytes: i64,
}

/// A hardening rule of which something else came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Which.
    pub id: String,
    /// What it says.
    pub title: String,
    /// What came of it in the older one; `None`: it was not among its rules.
    pub from: Option<Outcome>,
    /// What came of it in the newer one; `None`: it is not among its rules.
    pub to: Option<Outcome>,
    /// Why, in the newer one.
    pub reasons: Vec<String>,
}

/// What happened to a package or an expected fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It is new.
    Added,
    /// Some of its paths differ, or its version does; another value is expected.
    Changed,
    /// It is gone.
    Removed,
}

/// A runtime fact that is expected otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactChange {
    /// The key in the expectations: `accounts`, `cmdline` …
    pub kind: &'static str,
    /// Which setting, socket, word and so on; what is not printable is escaped. `None`: the kind as
    /// a whole.
    pub name: Option<String>,
    /// What happened to it.
    pub change: Event,
    /// What the older one says.
    pub from: Option<String>,
    /// What the newer one says.
    pub to: Option<String>,
    /// Who asked for it, by the newer one if that has it.
    pub origin: String,
    /// Whether less or more is let pass; `None` where that cannot be told.
    pub strictness: Option<Strictness>,
}

/// Which way a change of expectations goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strictness {
    /// What was drift before may pass now.
    Looser,
    /// What passed before may be drift now.
    Stricter,
}

/// One way in which a path differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathChange {
    /// The path; what is not printable is escaped.
    pub path: String,
    /// `added`, `content`, `links`, `mode`, `owner`, `removed`, `target`, `type` or `xattr`.
    pub change: &'static str,
    /// In the older one.
    pub from: Option<String>,
    /// In the newer one.
    pub to: Option<String>,
    /// Who put it there, by the newer one if that knows; `None` where neither does.
    pub origin: Option<String>,
    /// How much to look at it.
    pub severity: &'static str,
    /// What the change makes possible.
    pub effects: Vec<&'static str>,
    /// Of a changed content that is at hand on both sides: which lines differ.
    pub lines: Option<Lines>,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// On which side.
    pub side: &'static str,
    /// Where.
    pub path: String,
    /// Why, as one word: those of verification reports.
    pub reason: &'static str,
    /// Why, as text.
    pub detail: String,
}

impl Difference {
    /// Whether there is none among what was compared.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.paths.is_empty()
            && self.mutable_added.is_empty()
            && self.mutable_removed.is_empty()
            && self.facts.is_empty()
            && self.rules.is_empty()
    }
}
