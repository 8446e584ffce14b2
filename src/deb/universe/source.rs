//! Where indexes come from.

/// Where an index came from, in the words of its Release file.
///
/// Two sources should not have the same [`name`](Self::name): errors tell them apart by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What people call it, for example `trixie-security/main`.
    pub name: String,
    /// `Suite` of the Release file (`stable-security`); pins call it `a`.
    pub archive: String,
    /// `Codename` of the Release file (`trixie-security`); pins call it `n`.
    pub codename: String,
    /// `Origin` of the Release file; pins call it `o`.
    pub origin: String,
    /// `Label` of the Release file; pins call it `l`.
    pub label: String,
    /// `Version` of the Release file; pins call it `v`.
    pub version: String,
    /// The component, for example `main`; pins call it `c`.
    pub component: String,
    /// The host of the mirror, empty for local files; `origin` pins compare it.
    pub site: String,
    /// What apt gives to its packages where no pin says otherwise: see [`Self::DEFAULT_PRIORITY`].
    pub priority: i16,
}

impl Source {
    /// Priority of an ordinary source (`apt_preferences(5)`).
    pub const DEFAULT_PRIORITY: i16 = 500;
    /// Priority of a source with `NotAutomatic: yes` in its Release file.
    pub const NOT_AUTOMATIC_PRIORITY: i16 = 1;
    /// Priority of a source with `NotAutomatic: yes` and `ButAutomaticUpgrades: yes`.
    pub const BUT_AUTOMATIC_UPGRADES_PRIORITY: i16 = 100;

    /// A source of ordinary priority of which only the name is known.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            archive: String::new(),
            codename: String::new(),
            origin: String::new(),
            label: String::new(),
            version: String::new(),
            component: String::new(),
            site: String::new(),
            priority: Self::DEFAULT_PRIORITY,
        }
    }
}

/// The number of a source: 0 is the first that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u16);
