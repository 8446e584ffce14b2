//! A package and its state.

use std::rc::Rc;

use super::{Dependency, TargetId};
use crate::deb::{Priority, Record};

/// The number of a package in a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::deb::resolve) struct PackageId(pub(super) usize);

/// What apt calls the mode of a package; nothing is ever removed, so there are only two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deb::resolve) enum Mode {
    Keep,
    Install,
}

/// A package and its state. Only one version of it matters: its candidate, or the one that counts as
/// installed.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are apt's, and as independent of each other as there"
)]
pub(in crate::deb::resolve) struct Package<'u> {
    pub(in crate::deb::resolve) name: &'u str,
    /// The version that matters, if there is one.
    pub(in crate::deb::resolve) version: &'u str,
    /// Its stanza; none for what counts as installed.
    pub(in crate::deb::resolve) record: Option<Record<'u>>,
    /// Whether it counts as installed without being a package.
    pub(in crate::deb::resolve) provided: bool,
    pub(in crate::deb::resolve) essential: bool,
    pub(in crate::deb::resolve) protected_flag: bool,
    pub(in crate::deb::resolve) priority: Priority,
    /// The stanzas of that name, for explanations.
    pub(in crate::deb::resolve) records: Vec<Record<'u>>,

    /// Whether the version can still be chosen (apt: `CandidateVer`).
    pub(in crate::deb::resolve) candidate: bool,
    /// When it ceased to be; see [`World::seen`].
    pub(in crate::deb::resolve) lost_at: Option<u64>,
    /// Whether it is chosen (apt: `InstallVer`).
    pub(in crate::deb::resolve) installed: bool,
    pub(in crate::deb::resolve) mode: Mode,
    /// Whether only a request may change the mode.
    pub(in crate::deb::resolve) protected: bool,
    /// Whether it was chosen because of others.
    pub(in crate::deb::resolve) auto: bool,

    pub(super) relations: Option<Rc<[Dependency<'u>]>>,
    pub(super) provides: Option<Rc<[TargetId]>>,
}
