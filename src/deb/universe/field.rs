//! The values that fields of a stanza can have.

/// How a package goes with others of the same name and another architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiArch {
    /// Not at all.
    #[default]
    No,
    /// Both can be installed.
    Same,
    /// It satisfies relations of other architectures.
    Foreign,
    /// It satisfies relations with `:any`.
    Allowed,
}

/// How important a package is (Debian Policy 2.5), the most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// None given; apt sorts it before all others.
    #[default]
    Unset,
    /// Needed for the packaging system itself.
    Required,
    /// Expected on any Unix-like system.
    Important,
    /// A reasonable small system.
    Standard,
    /// Nearly everything.
    Optional,
    /// Obsolete; also what apt takes an unknown priority for.
    Extra,
}

/// The fields that hold relations, in the order in which apt reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationField {
    /// `Pre-Depends`: unpacked and configured before this package is unpacked.
    PreDepends,
    /// `Depends`
    Depends,
    /// `Conflicts`: never unpacked together.
    Conflicts,
    /// `Breaks`: never configured together.
    Breaks,
    /// `Recommends`
    Recommends,
    /// `Suggests`
    Suggests,
    /// `Replaces`: may overwrite files; chooses nothing.
    Replaces,
    /// `Enhances`
    Enhances,
    /// `Provides`
    Provides,
}

impl RelationField {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::PreDepends,
        Self::Depends,
        Self::Conflicts,
        Self::Breaks,
        Self::Recommends,
        Self::Suggests,
        Self::Replaces,
        Self::Enhances,
        Self::Provides,
    ];

    /// Those by which a package wants others, the most urgent first.
    pub const WANTED: [Self; 4] = [
        Self::PreDepends,
        Self::Depends,
        Self::Recommends,
        Self::Suggests,
    ];

    /// The name of the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Recommends => "Recommends",
            Self::Suggests => "Suggests",
            Self::Replaces => "Replaces",
            Self::Enhances => "Enhances",
            Self::Provides => "Provides",
        }
    }
}
