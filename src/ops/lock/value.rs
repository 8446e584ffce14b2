//! What is asked for, and the answer.

use std::path::PathBuf;

use crate::archive::mirror::Named;
use crate::archive::{Patience, Proxies};
use crate::deb::{PackageName, ResolveError};
use crate::digest::Digest;
use crate::lock::{Diff, Lockfile};
use crate::template::Template;
use crate::tree::Epoch;

/// How locks and packages are come by.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Mirrors from the command line.
    pub flags: Named,
    /// Mirrors from the environment.
    pub environment: Named,
    /// Where apt's sources are: `/etc/apt`.
    pub apt: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// A vendored copy of packages, which is asked first.
    pub vendor: Option<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
    /// Timeouts and retries.
    pub patience: Patience,
    /// The architecture to lock for where the template does not say.
    pub architecture: String,
    /// `SOURCE_DATE_EPOCH`.
    pub epoch: Option<Epoch>,
}

/// What a lock is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The template.
    pub template: &'a Template,
    /// The agent that goes into the image.
    pub agent: Option<Digest>,
}

/// Which packages may get other versions than an existing lock has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Only those that must, because the template changed.
    AsNeeded,
    /// These, and those that must.
    Packages(Vec<PackageName>),
    /// All.
    All,
}

/// A new lock.
#[derive(Clone, Debug)]
pub struct Locked {
    /// The lock.
    pub lock: Lockfile,
    /// What it has otherwise than the one before.
    pub diff: Diff,
    /// Why versions of the lock before could not be kept, where they should have been.
    pub not_kept: Option<ResolveError>,
}
