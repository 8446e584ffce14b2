//! Why nothing was chosen.

use std::fmt;

use crate::deb::{Record, RelationError};

/// Why a request cannot be met, or not without guessing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No index has a package of that name, and nothing provides it.
    #[error("there is no package {0}")]
    Unknown(String),
    /// Not a package, but a name that several packages provide.
    #[error("{name} is not a package, but provided by {}: ask for one of them", .providers.join(", "))]
    Virtual {
        /// The name.
        name: String,
        /// The packages that provide it.
        providers: Vec<String>,
    },
    /// Pins forbid every version.
    #[error("every version of {name} is forbidden by pins: {}", .versions.join(", "))]
    NoCandidate {
        /// The package.
        name: String,
        /// Its versions, with their sources.
        versions: Vec<String>,
    },
    /// The wanted version is not there.
    #[error("{name} {version} is not in the indexes, which have {}", .available.join(", "))]
    NoVersion {
        /// The package.
        name: String,
        /// The version that was asked for.
        version: String,
        /// The versions, with their sources.
        available: Vec<String>,
    },
    /// Two different files of the same name and version, and no pin that prefers one.
    #[error("{package} is in {} with different contents: pin one of them", .sources.join(" and "))]
    Ambiguous {
        /// Name and version.
        package: String,
        /// The names of the sources.
        sources: Vec<String>,
    },
    /// One package was asked for twice, in different versions.
    #[error("{name} was asked for in the versions {first} and {second}")]
    TwoVersions {
        /// The package.
        name: String,
        /// One version.
        first: String,
        /// The other.
        second: String,
    },
    /// Something that counts as installed is a package too.
    #[error("{0} cannot count as installed: the indexes have a package of that name")]
    ProvidedIsPackage(String),
    /// A chosen package conflicts with something that counts as installed.
    #[error("{package} {field} {relation}, which {provided} is, and that counts as installed")]
    ProvidedConflict {
        /// Name and version of the package.
        package: String,
        /// `conflicts with` or `breaks`.
        field: &'static str,
        /// The relation as it is written.
        relation: String,
        /// What counts as installed.
        provided: String,
    },
    /// A relation that cannot be read.
    #[error("{package}: {field}: {error}")]
    Relation {
        /// Name and version of the package.
        package: String,
        /// The name of the field.
        field: &'static str,
        /// The broken rule.
        error: RelationError,
    },
    /// Relations that nothing satisfies, or that contradict each other.
    #[error("no choice of packages meets every relation:{}", Problems(.0))]
    Unsolvable(Vec<Problem>),
    /// Marking took more steps than any archive's packages need.
    #[error("the relations of the packages are too entangled to be resolved")]
    TooComplex,
    /// The system gave no thread to work in.
    #[error("no thread for resolving: {0}")]
    Thread(String),
    /// apt's rules lead to a state that is neither installed nor not; nothing is guessed here.
    #[error("apt's rules give no clear answer about {0}")]
    Unclear(String),
}

/// One relation that stays unmet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name and version of the package that has the relation.
    pub package: String,
    /// `depends on`, `conflicts with`, …
    pub verb: &'static str,
    /// The relation as it is written.
    pub relation: String,
    /// Why the package was wanted: itself first, the request last.
    pub wanted: Vec<String>,
    /// What was found for the relation: the candidates, and why none will do.
    pub findings: Vec<String>,
}

/// The problems as indented lines, each after a line feed.
struct Problems<'a>(&'a [Problem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.0 {
            let Problem {
                package,
                verb,
                relation,
                wanted,
                findings,
            } = problem;
            write!(f, "\n  {package} {verb} {relation}")?;
            for finding in findings {
                write!(f, "\n    {finding}")?;
            }
            for (at, step) in wanted.iter().enumerate() {
                let label = if at == 0 { "wanted: " } else { "        " };
                write!(f, "\n    {label}{step}")?;
            }
        }
        Ok(())
    }
}

impl ResolveError {
    pub(super) fn ambiguous(record: Record<'_>, rivals: &[Record<'_>]) -> Self {
        let all = std::iter::once(&record).chain(rivals);
        Self::Ambiguous {
            package: format!("{} {}", record.name(), record.version()),
            sources: all.map(|record| record.source().name.clone()).collect(),
        }
    }
}
